"""An accelerator: a cascade on a machine, with a mapping of every Einsum and a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaluators.describe.cascade import Cascade, Einsum
from evaluators.describe.expressions import Expression
from evaluators.describe.machine import Machine
from evaluators.describe.mapping import Row
from evaluators.describe.open_binding import OpenBinding
from evaluators.describe.parameters import Parameter

WORKLOAD_RANKS = (
    *("B", "H", "P", "M", "E", "F", "D", "S"),
    *("TQ", "TK", "QR", "QC", "QW", "KW", "VC", "VW", "ZC", "GW"),
)
"""What expressions may read of a workload (docs/model/workloads.md#ranks): sequences, heads of keys
and values, query rows, keys, head widths of queries and values, model width, hidden width of the
feed-forward network; then rows and widths of the linear layers, 0 for those that it lacks."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table of mappings that share their array and the names of their factors.

    Attributes:
        array: where its Einsums run.
        factors: factor -> trip count; a factor that is not here is the whole rank of its name.
        rows: one way to run an Einsum each.

    """

    array: str
    factors: Mapping[str, Expression]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Stage:
    """Einsums that run at the same time; it lasts as long as its busiest array.

    Attributes:
        einsums: their names, in the order in which an array's are added up.
        stall: seconds for which everything waits after it; None for none.

    """

    einsums: tuple[str, ...]
    stall: Expression | None = None


@dataclass(frozen=True)
class Footprint:
    """What the buffer must hold: of every tensor kept there its largest tile, unless said here.

    Attributes:
        spills: what does not fit goes to DRAM, instead of being infeasible.
        einsums: those whose tensors count; empty for all.
        copies: tensor -> copies of its tile, 1 where it is not named.
        shared: groups of tensors that take turns in one place.
        staging: copies of one step of the array of every tensor that is streamed past the store.
        staged_whole: ranks of a streamed output that are not cut where no side carries them.
        waiting: registers hold what waits there for later Einsums, too, not the words of the Einsum
            that runs alone.

    """

    spills: bool = False
    einsums: tuple[str, ...] = ()
    copies: Mapping[str, int] = field(default_factory=dict)
    shared: tuple[frozenset[str], ...] = ()
    staging: int = 0
    staged_whole: frozenset[str] = frozenset()
    waiting: bool = False


@dataclass(frozen=True)
class Spill:
    """What of some Einsums' tensors a store that spills cannot hold.

    Attributes:
        einsums: the Einsums.
        tensors: those of their tensors that spill.
        share: of the tensors, 0 to 1, where a design meets `when`.
        when: parameter -> value, by label.

    """

    einsums: tuple[str, ...]
    tensors: frozenset[str]
    share: Expression
    when: Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """Parameters that the mapper sets to their best where a design leaves them open.

    Attributes:
        parameters: their names.
        einsums: what they are best for; empty for all.
        order: what is least, most important first: 'latency', 'traffic', 'energy', 'footprint'.

    """

    parameters: tuple[str, ...]
    einsums: tuple[str, ...]
    order: tuple[str, ...]


@dataclass(frozen=True)
class Slip:
    """A slip of the published accounting, in force unless a correction repairs it.

    Attributes:
        einsums: Einsums that it writes otherwise.
        free_units: functional units that cost no energy.
        free_edge: the register file above an array costs nothing.
        buffer_for_tiles_bytes: tiles are chosen for a buffer no larger than this.
        keeps_choices: a design's own choices count, even past the buffer, and the paper's designs
            have their authors' choices; repaired, they have the best.

    """

    einsums: Mapping[str, Einsum] = field(default_factory=dict)
    free_units: frozenset[str] = frozenset()
    free_edge: bool = False
    buffer_for_tiles_bytes: int | None = None
    keeps_choices: bool = False


@dataclass(frozen=True, eq=False)
class Accelerator:
    """An accelerator, as its file describes it; equal to itself alone.

    Attributes:
        name, title: what it is called in files and options, and by people.
        machine: what it runs on.
        cascade: what it computes.
        ranks: rank -> extent, for those that the workload does not give.
        parameters: of the binding, by name; the machine has its own.
        tables: the mappings.
        keeps: marked tensor -> the parameter, 0 or 1, that keeps it on chip.
        bits: what the workload calls a tensor -> bits of its words in DRAM and buffers, for those
            that have not the machine's.
        stages: the schedule.
        overlapped_memory: off-chip traffic overlaps the whole, not each stage by itself.
        requires: divisions that must leave no remainder, beside those of the factors.
        footprint: of the buffer.
        spills: what does not fit a buffer that spills.
        choices: what the mapper decides.
        counts_idle_pes: the 2D array's activity is weighted by the PEs in use.
        slips: correction -> the slip that it repairs.
        files: the file, and those that it names, each after who names it.
        texts: what stands in them.
        digest: of the files' content.
        open: what is a parameter where the file leaves its binding open, and has neither mappings
            nor a schedule; None where it has them.

    """

    name: str
    title: str
    machine: Machine
    cascade: Cascade
    ranks: Mapping[str, Expression]
    parameters: Mapping[str, Parameter]
    tables: tuple[Table, ...]
    keeps: Mapping[str, str]
    bits: Mapping[str, Expression]
    stages: tuple[Stage, ...]
    overlapped_memory: bool
    requires: tuple[Expression, ...]
    footprint: Footprint
    spills: tuple[Spill, ...]
    choices: tuple[Choice, ...]
    counts_idle_pes: bool
    slips: Mapping[str, Slip]
    files: tuple[Path, ...]
    texts: tuple[str, ...]
    digest: str
    open: OpenBinding | None = None

    @property
    def open_parameters(self) -> Mapping[str, Parameter]:
        """Its parameters that are choices of a binding left open, by name."""
        return {} if self.open is None else self.open.parameters

    @property
    def all_parameters(self) -> dict[str, Parameter]:
        """The machine's parameters, then the binding's; the accelerator may restate the former."""
        return {**self.machine.parameters, **self.parameters}

    def stored_bits(self, tensor: str) -> Expression | None:
        """Return the bits of a tensor's words in DRAM and buffers; None for the machine's."""
        return self.bits.get(self.cascade.inputs.get(tensor, tensor))

    def rows(self, einsum: str) -> list[tuple[Table, Row]]:
        """Return the ways to run an Einsum, each with the table that it stands in."""
        return [(table, row) for table in self.tables for row in table.rows if row.einsum == einsum]
