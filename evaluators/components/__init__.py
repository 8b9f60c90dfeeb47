"""Components: energy per action and area of storage and arithmetic at 45 nm.

Energies are pJ per action, rounded to six decimals as Accelergy prints them; areas are um^2. How
they come about: docs/model/components.md.
"""

ENERGY_DECIMALS = 6
