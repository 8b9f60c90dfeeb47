"""DRAM: high-bandwidth memory (HBM2) at 3.9 pJ a bit; its area and leakage are not counted."""

ACCESS_WORDS = 4
"""16-bit words of one access."""

ENERGY_PJ = 3.9 * 64
"""Energy of one access of 64 bit, read or write."""
