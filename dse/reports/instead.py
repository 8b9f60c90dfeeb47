"""What one would build instead of FuseMax: the answers, and how they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dse.reports import text
from evaluators.mapper.smallest import Smallest

_QUANTITIES = {
    "latency_s": ("ideal s", 1.0, ""),
    "scheduled_s": ("runs in s", 1.0, "latency_s"),
    "energy_pj": ("energy J", 1e-12, "energy_pj"),
    "area_um2": ("area cm^2", 1e-8, "area_um2"),
}
"""Of an optimum -> what it is called, one of its units in those that are printed, and what of
FuseMax stands beside it."""

_LOSS = 1.001
"""What an optimum must lose by a freedom less, at least, for that to be told."""


@dataclass(frozen=True)
class Answer:
    """A machine and its best binding, beside +Binding on the paper's machine.

    Attributes:
        question: what was asked for.
        command: repeats the search.
        cascade: of the optimum, with its chunk.
        arrays: array -> the Einsums on it.
        on_chip: the tensors that never leave the chip.
        optimum, fusemax: latency_s, energy_pj and area_um2 of both. The optimum's latency is the
            ideal one; scheduled_s is that of its schedule, None where that does not fit.
        without: what is left where a freedom is taken away, as '2-pass alone' -> latency and energy
            of the ideal optimum then, each over those with it, None where nothing fits; empty where
            freedoms were not asked for.
        searched: how the machine was found; None where it is given.

    """

    question: str
    command: str
    cascade: str
    arrays: Mapping[str, tuple[str, ...]]
    on_chip: tuple[str, ...]
    optimum: Mapping[str, float | None]
    fusemax: Mapping[str, float]
    without: Mapping[str, tuple[float, float] | None]
    searched: Smallest | None

    def told(self) -> str:
        """Tell how the optimum runs, what gives it, and how to find it again."""
        where = ", ".join(f"{' '.join(names)} on {array}" for array, names in self.arrays.items())
        lines = [
            f"{self.question}: {self.command}",
            f"  {self.cascade}; {where}; on chip stay {' '.join(self.on_chip) or 'none'}",
            *(["  " + _proof(self.searched)] if self.searched else []),
            *(f"  with {freedom}: {_lost(loss)}" for freedom, loss in self._losses()),
        ]
        return "\n".join(text.wrapped(line) if line.startswith("  ") else line for line in lines)

    def _losses(self) -> list[tuple[str, tuple[float, float] | None]]:
        """Return the freedoms that give something, those that give most first."""
        lost = [
            (freedom, loss)
            for freedom, loss in self.without.items()
            if loss is None or max(loss) > _LOSS
        ]
        return sorted(lost, key=lambda each: each[1] or (float("inf"),), reverse=True)


@dataclass(frozen=True)
class Instead:
    """The answers, in the order of the questions; printed, what the command says."""

    answers: tuple[Answer, ...]

    def __str__(self) -> str:
        header = ["instead of FuseMax"]
        for label, _, beside in _QUANTITIES.values():
            header += [label, "FuseMax's"] if beside else [label]
        rows = []
        for each in self.answers:
            cells = [each.question]
            for name, (_, unit, beside) in _QUANTITIES.items():
                own = each.optimum[name]
                cells.append("no fit" if own is None else f"{own * unit:.6g}")
                if beside:
                    cells.append(f"{each.fusemax[beside] * unit:.6g}")
            rows.append(cells)
        table = text.table(header, rows)
        return "\n\n".join([table, *(each.told() for each in self.answers)])


def _lost(loss: tuple[float, float] | None) -> str:
    if loss is None:
        return "nothing fits"
    return f"{loss[0]:.4g} x the latency, {loss[1]:.4g} x the energy"


def _proof(searched: Smallest) -> str:
    return (
        f"proven: of {searched.machines:,} machines {searched.bounded:,} are too weak for the "
        f"products alone or have no known price, {searched.mapped} were mapped, and no other is "
        "smaller, but such as have no more of anything than one that was too slow"
    )
