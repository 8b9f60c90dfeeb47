"""The bounds of a study in TOML: `area_um2 = 5e8`, at most, or `util_2d = { min = 0.8 }`."""

from __future__ import annotations

from typing import Any

from evaluators.errors import shown
from evaluators.foreign_toml import Table
from studies.objectives import BOUNDABLE, RISING
from studies.scenes import SHARES
from studies.specification import Specification

_ENDS = ("min", "max")
REGISTERS = "registers"


def read_bounds(constraints: Table) -> tuple[dict[str, float], dict[str, float]]:
    """Read the table [constraints]: the most, and the least, of what is bounded.

    Raises:
        InputError: names the line, the key and what was expected.

    """
    constraints.only((*BOUNDABLE, REGISTERS), "constraints")
    bounds: dict[str, float] = {}
    floors: dict[str, float] = {}
    for name in (each for each in BOUNDABLE if each in constraints.values):
        given = constraints.values[name]
        if isinstance(given, dict):
            ends = constraints.table(name, "min, max or both")
            ends.only(_ENDS, name)
            least, most = (ends.positive(end, "a number") for end in _ENDS)
            if least is None and most is None:
                raise constraints.error(name, "give min, max or both")
            if least is not None and most is not None and least > most:
                raise constraints.error(name, f"min {least:g} is above max {most:g}")
            if least is not None and least > 1 and name in SHARES:
                raise constraints.error(name, f"min {least:g} is above 1, the whole of the time")
            bounds |= {} if most is None else {name: most}
            floors |= {} if least is None else {name: least}
            continue
        bound = constraints.positive(name, "a number")
        if name in RISING:
            raise constraints.error(
                name, f"say which bound it is: {{ min = {shown(given)} }} or {{ max = ... }}"
            )
        bounds |= {} if bound is None else {name: bound}
    return bounds, floors


def bound_entries(study: Specification) -> dict[str, Any]:
    """Return the bounds of a study as `read_bounds` reads them."""
    return {
        name: {"max": each} if name in RISING and not isinstance(each, dict) else each
        for name, each in study.constraints.items()
    }
