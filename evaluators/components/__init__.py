"""Components: energy per action and area of storage and arithmetic at 45 nm (spec/components.md).

Energies are pJ per action, rounded to six decimals as Accelergy prints them; areas are um^2.
"""

ENERGY_DECIMALS = 6
