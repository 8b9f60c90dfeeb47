"""Units that lanes share: fewer of them, and turns to wait, both by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.accounting import PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.describe.checks import problems
from evaluators.describe.reading import accelerator
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.errors import InputError
from evaluators.protocol import Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload

BERT = Workload(TRANSFORMERS["BERT"], 4096)
CLOCK_HZ = 940e6
DIVIDER_UM2 = 23740.9375
MAC_UM2 = 1545

MACHINE = """
name = "chip"
base = "{base}"
[parameters]
lanes_per_divider = {{ default = {share}, domain = [1, 2, 4, 8, 24], help = "lanes of a divider" }}
[arrays.vector]
sides = ["vector_lanes"]
registers = "lane_registers"
units = {units}
"""
DIVIDERS = '["max", "mac", { unit = "divide", shared_by = "lanes_per_divider" }]'


def on(folder: Path, share: int, units: str = DIVIDERS, base: str = "binding") -> str:
    """Write an accelerator on a machine whose lanes have those units."""
    chip = {"binding": "fusemax", "cascade": "flat"}[base]
    (folder / "chip.toml").write_text(MACHINE.format(base=chip, share=share, units=units))
    file = folder / "mine.toml"
    file.write_text(f'name = "mine"\nbase = "{base}"\nmachine = "./chip.toml"\n')
    return str(file)


def evaluate(name: str, lanes: int = 256, **binding: object) -> Evaluations:
    designs = Designs.of(
        array_rows=256,
        array_cols=256,
        vector_lanes=lanes,
        buffer_bytes=2**24,
        pe_registers=12,
        lane_registers=32,
        **binding,  # type: ignore[arg-type]
    )
    return AnalyticalEvaluator().evaluate(name, BERT, designs, PUBLISHED, breakdown=True)


@pytest.mark.parametrize("share", [1, 2, 4, 8])
def test_lanes_that_share_a_divider_wait_and_save_area(tmp_path: Path, share: int) -> None:
    own, shared = evaluate("binding"), evaluate(on(tmp_path, share))
    divisions = 64 * 12 * 4096 * 64
    assert shared.einsums["AV"].busy_s[0] == pytest.approx(share * divisions / 256 / CLOCK_HZ)
    for einsum in ("RM", "PRM", "SPNV", "QK"):
        assert shared.einsums[einsum].busy_s[0] == own.einsums[einsum].busy_s[0]
    saved = own.metrics["area_um2"][0] - shared.metrics["area_um2"][0]
    assert saved == pytest.approx((256 - 256 // share) * DIVIDER_UM2, rel=1e-9, abs=1e-3)
    assert shared.metrics["energy_pj"][0] == own.metrics["energy_pj"][0]


def test_what_is_left_of_the_lanes_has_a_divider_too(tmp_path: Path) -> None:
    """64 lanes in groups of 24 have 3 dividers."""
    own, shared = evaluate("binding", lanes=64), evaluate(on(tmp_path, 24), lanes=64)
    saved = own.metrics["area_um2"][0] - shared.metrics["area_um2"][0]
    assert saved == pytest.approx((64 - 3) * DIVIDER_UM2, rel=1e-9)


def test_how_many_share_is_a_parameter_of_a_batch(tmp_path: Path) -> None:
    name = on(tmp_path, 1)
    shares = np.array([1, 2, 4, 8])
    batch = evaluate(name, lanes_per_divider=shares)
    np.testing.assert_allclose(
        batch.einsums["AV"].busy_s / batch.einsums["AV"].busy_s[0], shares, rtol=1e-15
    )
    for place, share in enumerate(shares.tolist()):
        alone = evaluate(name, lanes_per_divider=share)
        for metric, values in alone.metrics.items():
            assert batch.metrics[metric][place] == values[0], metric


def test_a_chain_waits_for_its_shared_unit(tmp_path: Path) -> None:
    """+Cascade's exponential is a unit of each lane, in turn with an adder, which is the mac's."""
    units = '["max", "mac", "divide", { unit = "exponential", shared_by = 4 }]'
    own, shared = evaluate("cascade"), evaluate(on(tmp_path, 1, units, "cascade"))
    for einsum in ("PRM", "SLN"):
        ratio = shared.einsums[einsum].busy_s[0] / own.einsums[einsum].busy_s[0]
        assert ratio == pytest.approx((4 + 1) / (1 + 1))
    units = '["max", { unit = "mac", shared_by = 2 }, "divide", "exponential"]'
    macs = evaluate(on(tmp_path, 1, units, "cascade"))
    for einsum, cycles in (("PRM", (1 + 2) / 2), ("SPNV", 2), ("RD", 2), ("LM", 1), ("AV", 1)):
        ratio = macs.einsums[einsum].busy_s[0] / own.einsums[einsum].busy_s[0]
        assert ratio == pytest.approx(cycles), einsum


def test_an_exponential_of_macs_and_one_of_a_unit(tmp_path: Path) -> None:
    """6 macs and an add take 7 cycles; a unit of 5 macs and a multiplier, and an add, take 2."""
    units = '["max", "mac", "divide", "exponential"]'
    name = on(tmp_path, 1, units)
    table = """
[[mapping]]
array   = "vector"
factors.P0 = "vector_lanes"
factors.P1 = "query_tiles * array_cols / P0"
factors.P2 = "P / array_cols / query_tiles"
table   = \"\"\"
Einsum | DRAM loops | L3 loops | spatial | operations
PRM    | B H P2 M1  | P1       | P0      | exponential, add
\"\"\"
"""
    with (tmp_path / "mine.toml").open("a") as file:
        file.write(table)
    assert problems(accelerator(name)) == []
    as_macs, as_unit = evaluate("binding"), evaluate(name)
    assert as_macs.einsums["PRM"].busy_s[0] / as_unit.einsums["PRM"].busy_s[0] == pytest.approx(3.5)
    more = as_unit.metrics["area_um2"][0] - as_macs.metrics["area_um2"][0]
    assert more == pytest.approx(256 * (5 * MAC_UM2 + 515), rel=1e-9)
    points = 64 * 12 * 4096 * 4096 // 256
    saved = as_macs.einsums["PRM"].energy_pj[0] - as_unit.einsums["PRM"].energy_pj[0]
    assert saved == pytest.approx(points * (6 * 17.1645 - 94.6475), rel=1e-6)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ("[]", "give one or more"),
        ('["mac", "mac"]', "each once"),
        ('["mac", { unit = "mac", shared_by = 2 }]', "each once"),
        ('["mac", { unit = "divide" }]', "shared_by is missing"),
        ('["mac", { unit = "divide", by = 2 }]', "a unit has no such key"),
        ('["mac", { unit = "root", shared_by = 2 }]', "'root' is unknown"),
        ("[7]", "'7' is unknown"),
        ('"mac"', "is not a list of functional units"),
    ],
)
def test_units_that_are_none_are_refused(tmp_path: Path, units: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        accelerator(on(tmp_path, 1, units))


def test_a_unit_is_shared_by_someone(tmp_path: Path) -> None:
    units = '["max", "mac", { unit = "divide", shared_by = "lanes_per_divider - 1" }]'
    with pytest.raises(InputError, match=r"divide of vector is shared by .* it must be 1 or more"):
        evaluate(on(tmp_path, 1, units))
    units = '["max", "mac", { unit = "divide", shared_by = "nobody" }]'
    with pytest.raises(InputError, match=r"arrays.vector: 'nobody' reads nobody, which is nothing"):
        described(on(tmp_path, 1, units))
