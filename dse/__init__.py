"""Design-space exploration of attention accelerators: what the `dse` command does, as functions.

They take and give plain values and DataFrames; docs/reference/python.md shows each. What is wrong
with an input raises `dse.Error`: one line, as the command prints it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dse import own_packages

if TYPE_CHECKING:
    from dse.interface.comparing import compare as compare
    from dse.interface.confirming import confirm as confirm
    from dse.interface.designs import evaluate as evaluate
    from dse.interface.designs import workload as workload
    from dse.interface.explaining import explain as explain
    from dse.interface.instead import instead as instead
    from dse.interface.mapping import best_binding as map  # noqa: F401
    from dse.interface.reporting import report as report
    from dse.interface.reproducing import reproduce as reproduce
    from dse.interface.scheduling import schedule as schedule
    from dse.interface.studies import Study as Study
    from dse.interface.studies import study as study
    from dse.interface.studies import sweep as sweep
    from evaluators.describe.catalogue import described as accelerator  # noqa: F401
    from evaluators.errors import Error as Error

own_packages.put_first()

_WHERE = {
    "Error": "evaluators.errors:Error",
    "Study": "dse.interface.studies:Study",
    "accelerator": "evaluators.describe.catalogue:described",
    "compare": "dse.interface.comparing:compare",
    "confirm": "dse.interface.confirming:confirm",
    "evaluate": "dse.interface.designs:evaluate",
    "explain": "dse.interface.explaining:explain",
    "instead": "dse.interface.instead:instead",
    "map": "dse.interface.mapping:best_binding",
    "report": "dse.interface.reporting:report",
    "reproduce": "dse.interface.reproducing:reproduce",
    "schedule": "dse.interface.scheduling:schedule",
    "study": "dse.interface.studies:study",
    "sweep": "dse.interface.studies:sweep",
    "workload": "dse.interface.designs:workload",
}
"""Name -> module and what it is called there, imported when asked for."""

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'dse' has no attribute '{name}'")
    module, _, own = _WHERE[name].partition(":")
    globals()[name] = found = getattr(import_module(module), own)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
