"""Accounting: how counts become energy, and which known slips of the artifact are repaired.

`published` gives the paper's numbers to the digit; each `Correction` repairs one of its slips and
may be switched on alone; `corrected` switches on all of them. Source: spec/quirks.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from evaluators.errors import InputError


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


@dataclass(frozen=True)
class Accounting:
    """A set of corrections: none is the published accounting, all is the corrected one."""

    corrections: frozenset[Correction] = frozenset()

    def repairs(self, correction: Correction) -> bool:
        """Tell whether this accounting repairs that slip."""
        return correction in self.corrections

    @property
    def name(self) -> str:
        """'published', 'corrected', or the corrections joined, as 'Q1+Q2'."""
        if not self.corrections:
            return "published"
        if len(self.corrections) == len(Correction):
            return "corrected"
        return "+".join(each.name for each in Correction if each in self.corrections)

    @classmethod
    def parse(cls, text: str) -> Accounting:
        """Read what `name` writes; `InputError` lists what is known."""
        if text == "published":
            return PUBLISHED
        if text == "corrected":
            return CORRECTED
        try:
            return cls(frozenset(Correction[part] for part in text.split("+")))
        except KeyError as unknown:
            raise InputError(
                f"accounting '{text}': {unknown} is unknown; write published, corrected, or "
                f"corrections joined by +, of {', '.join(Correction.__members__)}"
            ) from None


PUBLISHED = Accounting()
CORRECTED = Accounting(frozenset(Correction))
