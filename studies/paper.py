"""The paper's own designs: every point of figures 6 to 12, with the bindings its authors used.

Sources: FuseMax (MICRO 2024), section 6; docs/model/mappings.md#flats-bindings and
docs/model/mappings.md#unfused; for the sweep docs/model/accounting.md#area-latency-sweep.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from evaluators.accounting import PUBLISHED, Accounting, Correction
from evaluators.describe.catalogue import described
from evaluators.design import AUTOMATIC, Designs
from evaluators.workloads.paper import SEQ_LENS, TRANSFORMERS
from evaluators.workloads.sizes import KI
from evaluators.workloads.workload import Workload
from search_spaces.domains import ATTENTION, PAPERS

PAPER = "paper"
"""What the paper's own points are called, and the folder of what `dse reproduce` writes."""

LINEAR_LAYERS = {
    "unfused": "linear_flat",
    "flat": "linear_flat",
    "cascade": "linear_flat",
    "architecture": "linear_fusemax",
    "binding": "linear_fusemax",
}
"""The linear layers that complete each configuration's attention: those of its chip."""

PARETO_SIDES = (16, 32, 64, 128, 256, 512)
PARETO_SEQ_LEN = 256 * KI

_UNFUSED_TILES = {
    #   tokens: P2 (None: E/8), M2 of QK, M2 of AV
    1 * KI: (1, 1, 1),
    4 * KI: (1, 1, 1),
    16 * KI: (1, 8, 1),
    64 * KI: (1, 1, 1),
    256 * KI: (None, 2, 2),
    KI * KI: (None, 2, 2),
}
"""How the artifact's mapper split P and M between DRAM and the buffer; E is not split."""


@dataclass(frozen=True)
class Point:
    """Designs of the paper on one workload.

    Attributes:
        study: 'attention' (figures 6 to 9), 'inference' (the linear layers of figures 10 and 11) or
            'pareto' (figure 12).
        configuration: its name.
        workload: what runs on it.
        designs: one design; the six of the sweep for 'pareto'.

    """

    study: str
    configuration: str
    workload: Workload
    designs: Designs


def points(accounting: Accounting = PUBLISHED) -> list[Point]:
    """Return every point of figures 6 to 12, in the figures' order: 5 x 24 + 2 x 24 + 4 x 6.

    Their choices are those of `pinned_binding`.
    """
    workloads = list(_workloads())
    bars = [("attention", name) for name in ATTENTION]
    bars += [("inference", name) for name in PAPERS[len(ATTENTION) :]]
    return [
        Point(study, name, workload, paper_design(name, workload, accounting))
        for study, name in bars
        for workload in workloads
    ] + [
        Point("pareto", "binding", workload, pareto_designs(workload))
        for workload in (Workload(shape, PARETO_SEQ_LEN) for shape in TRANSFORMERS.values())
    ]


@lru_cache(maxsize=1)
def _workloads() -> dict[Workload, None]:
    """Return the 24 workloads of the attention figures, in their order."""
    return {Workload(shape, length): None for shape in TRANSFORMERS.values() for length in SEQ_LENS}


def paper_design(name: str, workload: Workload, accounting: Accounting = PUBLISHED) -> Designs:
    """Return the paper's machine for a configuration, with the choices of `pinned_binding`."""
    sizes = {
        each.name: each.default
        for each in described(name).machine.parameters.values()
        if each.domain is not None and each.default is not None
    }
    return Designs.of(**sizes).with_columns(pinned_binding(name, workload, accounting))


def on_paper_machine(name: str, designs: Designs) -> np.ndarray:
    """Tell which designs are the paper's own machine in every parameter, shape (n,)."""
    declared = described(name).all_parameters
    own = np.ones(len(designs), dtype=bool)
    for each in described(name).machine.parameters:
        given = designs.columns.get(each, np.array([AUTOMATIC]))
        own &= (given == declared[each].default) | (given == AUTOMATIC)
    return own


def are_points(name: str, workload: Workload, designs: Designs) -> np.ndarray:
    """Tell which designs are points of figures 6 to 12, shape (n,).

    They are so in every parameter of the workload (see `papers_own`) and of the machine, and leave
    the binding open.
    """
    declared = described(name)
    none = np.zeros(len(designs), dtype=bool)
    if name not in PAPERS or papers_own(workload) is None:
        return none
    if any(
        declared.all_parameters[each].switch or designs.columns[each].any()
        for each in designs.columns.keys() - declared.machine.parameters.keys()
    ):
        return none
    points: np.ndarray = on_paper_machine(name, designs) | _swept(name, workload, designs)
    return points


def _swept(name: str, workload: Workload, designs: Designs) -> np.ndarray:
    """Tell which designs are among the six of the area-latency sweep, shape (n,)."""
    swept = np.zeros(len(designs), dtype=bool)
    six = pareto_designs(workload).columns
    if name != "binding" or workload.keys != PARETO_SEQ_LEN or six.keys() - designs.columns.keys():
        return swept
    others = {each: given for each, given in designs.columns.items() if each not in six}
    for row in range(len(PARETO_SIDES)):
        swept |= np.all([designs.columns[each] == six[each][row] for each in six], axis=0)
    swept &= on_paper_machine(name, Designs(others, len(designs)))
    return swept


def papers_own(workload: Workload) -> Workload | None:
    """Return the workload of the paper that is this one in every number; None where none is.

    Padding is no matter: nothing of the paper's needs any.
    """
    return _by_numbers().get(_nameless(workload))


@lru_cache(maxsize=1)
def _by_numbers() -> dict[Workload, Workload]:
    return {_nameless(each): each for each in _workloads()}


def _nameless(workload: Workload) -> Workload:
    return replace(workload, transformer=replace(workload.transformer, name=""), padded=False)


def pinned_binding(name: str, workload: Workload, accounting: Accounting) -> dict[str, np.ndarray]:
    """Return the choices of the paper's machine, shape (1,); empty where it has none.

    So it is where an accounting repairs the slip of an accelerator that keeps such choices.
    """
    if name not in PAPERS or any(
        slip.keeps_choices and accounting.repairs(Correction[each])
        for each, slip in described(name).slips.items()
    ):
        return {}
    own = papers_own(workload)
    if own is None:
        return {}
    binding: dict[str, int] = {}
    if name == "flat":
        binding = _flat_bindings()[own.transformer.name, own.keys]
    elif name == "unfused":
        binding = _unfused_mapping(own)
    return {column: np.array([value]) for column, value in binding.items()}


def pareto_designs(workload: Workload) -> Designs:
    """Return the six designs of the area-latency sweep.

    The buffer is 16*D*E bytes, and twice that for D = 512, where memory would bind otherwise; the
    register files follow the array.
    """
    sides = np.array(PARETO_SIDES)
    buffer_bytes = 16 * sides * workload.transformer.query_width
    return Designs.of(
        array_rows=sides,
        array_cols=sides,
        vector_lanes=sides,
        buffer_bytes=np.where(sides == 512, 2, 1) * buffer_bytes,
    )


@lru_cache(maxsize=1)
def _flat_bindings() -> dict[tuple[str, int], dict[str, int]]:
    """Read FLAT's binding of each workload, as its authors' own model chose it."""
    bindings = {}
    known = described("flat").parameters
    with Path(__file__).with_name("flat_bindings.csv").open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            key = row.pop("model"), int(row.pop("seq_len"))
            bindings[key] = {
                column: labels.index(text) if (labels := known[column].labels) else int(text)
                for column, text in row.items()
            }
    return bindings


def _unfused_mapping(workload: Workload) -> dict[str, int]:
    """Return the mapping of QK and AV that the artifact's mapper found."""
    width = workload.transformer.query_width
    p2, qk_m2, av_m2 = _UNFUSED_TILES[workload.keys]
    p2 = width // 8 if p2 is None else p2
    return {
        "qk_p2": p2,
        "qk_m2": qk_m2,
        "qk_e2": 1,
        "qk_order": 0,
        "qk_keeps_q": 1,
        "qk_keeps_k": 1,
        "qk_keeps_qk": 0,
        "av_p2": p2,
        "av_m2": av_m2,
        "av_f2": 1,
        "av_order": 0,
        "av_keeps_a": 0,
        "av_keeps_v": 1,
        "av_keeps_av": 1,
    }
