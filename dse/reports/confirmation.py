"""What a comparison with Timeloop came to, and its report."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dse.reports import text
from evaluators.protocol import Runs
from evaluators.timeloop import versions

TOLERANCE = 1e-12
"""Relative difference up to which two metrics agree: equal counts leave only rounding."""


@dataclass(frozen=True)
class Deviation:
    """How far the evaluators are apart in one metric.

    Attributes:
        metric: its name.
        relative: the largest relative difference.
        where: the design where it is that large.

    """

    metric: str
    relative: float
    where: str


@dataclass(frozen=True)
class Confirmation:
    """What a comparison of some designs came to.

    Attributes:
        deviations: between the two evaluators, and between Accelergy's estimate and the accounting.
        recounted: the same with our engine under Accelergy's prices: what the counts leave.
        prices: component price -> Accelergy's / ours, the furthest from 1, where they differ.
        changes: the known changes of Accelergy that explain all these prices; None where none do.

    """

    deviations: list[Deviation]
    recounted: list[Deviation]
    prices: dict[str, float]
    changes: tuple[versions.Change, ...] | None

    @property
    def counts_agree(self) -> bool:
        """Whether everything agrees but for the prices of components."""
        return all(each.relative <= TOLERANCE for each in self.recounted)

    @property
    def agree(self) -> bool:
        """Whether everything agrees, or all but prices that a known version changed on purpose."""
        return self.counts_agree and self.changes is not None


@dataclass(frozen=True)
class Confirmed:
    """Designs evaluated by both; printed, as `dse confirm` does.

    Attributes:
        designs: how many were evaluated.
        found: how those that did not fail compare; None where all failed.
        failures: where, and what stopped Timeloop.
        left_out: of a table, a sentence for each design that is not feasible.
        runs: results of programs that it took.
        seconds: evaluator -> wall time.

    """

    designs: int
    found: Confirmation | None
    failures: tuple[Mapping[str, str], ...]
    left_out: tuple[str, ...]
    runs: Runs
    seconds: Mapping[str, float]

    @property
    def agree(self) -> bool:
        """Whether all designs were evaluated and agree, see `Confirmation.agree`."""
        return self.found is not None and self.found.agree and not self.failures

    def __str__(self) -> str:
        """Lay it out for people."""
        lines = [*(_report(self.found) if self.found else ()), *_failed(self.failures)]
        verdict = f": {_verdict(self.found)}" if self.found else ""
        whole = self.designs - len(self.failures)
        last = (
            f"{whole} designs{verdict}"
            + (f", {len(self.failures)} failed" if self.failures else "")
            + f"; timeloop took {self.seconds['timeloop']:.1f} s ({self.runs}), "
            f"analytical {self.seconds['analytical']:.3f} s"
        )
        return "\n".join([*lines, *self.left_out, last])


def _report(found: Confirmation) -> Iterator[str]:
    """Yield the deviations, and what there is to say of the component tables."""
    yield text.table(
        ["metric", "largest deviation", "at"],
        [[each.metric, text.error(each.relative), each.where] for each in found.deviations],
    )
    if not found.prices:
        return
    yield ""
    yield text.table(
        ["component", "Accelergy's price / ours"],
        [[name, f"{factor:.6g}"] for name, factor in found.prices.items()],
    )
    known = "no version that is known" if found.changes is None else "another version"
    yield from _wrapped(
        f"Accelergy's prices are those of {known}; ours are those of {versions.agreeing()}"
    )
    for change in found.changes or ():
        yield from _wrapped(f"{change.since} {change.what}", indent="  ")
    worst = max(found.recounted, key=lambda each: each.relative)
    yield (
        f"at Accelergy's prices our engine differs by at most {text.error(worst.relative)}, "
        f"in {worst.metric}"
    )


def _wrapped(sentence: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        sentence,
        text.WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    )


def _failed(failures: Iterable[Mapping[str, str]]) -> Iterator[str]:
    for each in failures:
        yield f"{each['where']} failed: {each['failure']}"


def _verdict(found: Confirmation) -> str:
    if not found.prices:
        return f"timeloop and analytical {'agree' if found.agree else 'differ'}"
    counts = "agree" if found.counts_agree else "differ"
    known = "an unknown version's" if found.changes is None else "another version's"
    return f"timeloop and analytical {counts} in what they count; component prices are {known}"
