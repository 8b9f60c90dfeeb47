"""Accounting: how counts become energy, and which known slips of the artifact are repaired.

`published` gives the paper's numbers to the digit; each `Correction` repairs one of its slips and
may be switched on alone; `corrected` switches on all of them. Source: docs/model/corrections.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from evaluators.errors import InputError, did_you_mean, shown


class Correction(Enum):
    """A departure of the artifact from a careful accounting, and what repairing it means."""

    Q1 = "register-file accesses of every instance, not of one"
    Q2 = "register files of their real depth and width, not 64 rows of 32 bits"
    Q3 = "+Cascade pays for its exponentials"
    Q4 = "+Cascade pays for its shared register file"
    Q5 = "first-read elision without the 64-bit overflow"
    Q6 = "SLNV produces one output per chunk"
    Q7 = "+Cascade tiles queries for the buffer it is charged for"
    Q12 = "unfused QK and AV get the optimal mapping everywhere"


EXACT, NEXT_LARGER, LIVE = "exact", "next larger", "cacti"

SRAM_SOURCES = (EXACT, NEXT_LARGER, LIVE)
"""How a global buffer that the shipped table lacks is priced: not at all, so that it is infeasible;
as the next larger SRAM of the table; or by live CACTI. None depends on what is installed: without
CACTI an evaluation that needs it is refused."""

_OLDER_NAMES = {"table": EXACT}


@dataclass(frozen=True)
class Accounting:
    """How counts become energy and area.

    Attributes:
        corrections: none is the published accounting, all is the corrected one.
        sram: one of `SRAM_SOURCES`.

    """

    corrections: frozenset[Correction] = frozenset()
    sram: str = EXACT

    def repairs(self, correction: Correction) -> bool:
        """Tell whether this accounting repairs that slip."""
        return correction in self.corrections

    @property
    def is_published(self) -> bool:
        """Tell whether no slip is repaired."""
        return not self.corrections

    @property
    def live_sram(self) -> bool:
        """Tell whether live CACTI prices the buffers that the table lacks."""
        return self.sram == LIVE

    @property
    def name(self) -> str:
        """'published', 'corrected', or the corrections joined, as 'Q1+Q2'."""
        if self.is_published:
            return "published"
        if self.corrections == CORRECTED.corrections:
            return "corrected"
        return "+".join(each.name for each in Correction if each in self.corrections)

    @classmethod
    def parse(cls, text: str, sram: str = EXACT) -> Accounting:
        """Read what `name` writes, and a source of SRAMs; `InputError` lists what is known.

        The source '' is exact for the published accounting, and else the next larger.
        """
        sram = _OLDER_NAMES.get(sram, sram) or (EXACT if text == "published" else NEXT_LARGER)
        if sram not in SRAM_SOURCES:
            *others, last = (f"'{each}'" for each in SRAM_SOURCES)
            raise InputError(
                f"sram '{shown(sram)}' is unknown; write {', '.join(others)} or {last}"
            )
        if text == "published":
            return cls(sram=sram)
        if text == "corrected":
            return cls(CORRECTED.corrections, sram)
        parts = text.split("+")
        unknown = next((part for part in parts if part not in Correction.__members__), None)
        if unknown is not None:
            of = f" of '{shown(text)}'" if len(parts) > 1 else ""
            raise InputError(
                f"accounting '{shown(unknown)}'{of} is unknown; "
                f"{did_you_mean(text, ('published', 'corrected'))}write published, corrected, or "
                f"corrections joined by +, of {', '.join(Correction.__members__)}"
            )
        return cls(frozenset(Correction[part] for part in parts), sram)


PUBLISHED = Accounting()
CORRECTED = Accounting(frozenset(Correction))
