"""FLAT's buffer footprint against its authors' own bindings: bytes, and the share that spills."""

import csv

import pytest

from evaluators.accounting import PUBLISHED
from evaluators.design import Designs
from evaluators.engine.costs import buffer_of
from evaluators.engine.evaluator import nests_of
from evaluators.engine.footprint import footprint_bytes
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

MIB = 2**20
LENGTHS = ("1K", "4K", "16K", "64K", "256K", "1M")
_NARROW = (2_359_296, 33_816_576, 33_816_576, 33_816_576, 1_966_080, 1_966_080)
FOOTPRINTS = {
    "BERT": _NARROW,
    "TrXL": _NARROW,
    "T5": _NARROW,
    "XLM": (3_014_656, 36_044_800, 34_471_936, 34_078_720, 2_621_440, 2_621_440),
}
_NARROW_SPILL = (0, *[0.007751937984496138] * 3, 0, 0)
SPILLS = {
    "BERT": _NARROW_SPILL,
    "TrXL": _NARROW_SPILL,
    "T5": _NARROW_SPILL,
    "XLM": (0, 0.06909090909090909, 0.026615969581749055, 0.01538461538461533, 0, 0),
}
MACHINES = {"cloud": (256, 32 * MIB), "edge": (32, MIB // 2)}
"""Platform -> side of the 2D array, bytes of the buffer."""

POINTS = [(model, i) for model in FOOTPRINTS for i in range(len(LENGTHS))]


STATIONARITIES = ("output", "weight", "input")


def footprint(workload: Workload, designs: Designs) -> int:
    nests = nests_of("flat", workload, designs, PUBLISHED)
    return int(footprint_bytes(nests, buffer_of(nests.accelerator)))


def spill(workload: Workload, designs: Designs, buffer_bytes: int) -> float:
    return 1 - min(1, buffer_bytes / footprint(workload, designs))


@pytest.mark.parametrize(("model", "i"), POINTS, ids=[f"{m}-{LENGTHS[i]}" for m, i in POINTS])
def test_the_papers_bindings_need_the_bytes_that_flat_reserves(model, i):
    workload = Workload(TRANSFORMERS[model], parse_seq_len(LENGTHS[i]))
    designs = paper_design("flat", workload)
    assert footprint(workload, designs) == FOOTPRINTS[model][i]
    spilled = spill(workload, designs, MACHINES["cloud"][1])
    assert spilled == pytest.approx(SPILLS[model][i], rel=0, abs=1e-12)


def table_designs(row: dict[str, str]) -> Designs:
    side, buffer_bytes = MACHINES[row["platform"]]
    whole = row["fusion_granularity"] == "head"
    locations = {"q": "Q", "k": "K", "qk": "QK_A", "v": "V", "av": "AV"}
    return Designs.of(
        array_rows=side,
        array_cols=side,
        vector_lanes=side,
        buffer_bytes=buffer_bytes,
        query_rows=int(row["L"] if whole else row["P1"]),
        qk_stationarity=STATIONARITIES.index(row["QK_stationarity"]),
        av_stationarity=STATIONARITIES.index(row["AV_stationarity"]),
        **{
            f"keeps_{tensor}": int(row[f"{column}_loc"] == "onchip")
            for tensor, column in locations.items()
        },
    )


def test_every_binding_of_flat_spills_what_its_authors_say(data):
    with (data / "flat_bindings.csv").open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 96
    spilling = 0
    for row in rows:
        sizes = {name: int(row[name]) for name in "BEFHL"}
        shape = Transformer(
            row["model"],
            batch=sizes["B"],
            model_width=sizes["E"] * sizes["H"],
            query_width=sizes["E"],
            value_width=sizes["F"],
            heads=sizes["H"],
            ffn_width=1,
        )
        published = float(row["proportion_spilled"])
        _, buffer_bytes = MACHINES[row["platform"]]
        ours = spill(Workload(shape, sizes["L"]), table_designs(row), buffer_bytes)
        assert ours == pytest.approx(published, rel=0, abs=1e-12), row
        spilling += published > 0
    assert spilling == 29
