"""DRAM: high-bandwidth memory (HBM2) at 3.9 pJ a bit; its area and leakage are not counted."""

ACCESS_BITS = 64
"""Bits of one access."""

ENERGY_PJ = 3.9 * ACCESS_BITS
"""Energy of one access, read or write."""
