"""+Binding is a point of the space: its costs are those of the corrected accounting."""

import csv
from pathlib import Path

import pytest

from evaluators.describe.reading import accelerator
from evaluators.mapper.binding import Binding, BoundGroup, Step, evaluate
from evaluators.mapper.cascades import structure
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import LANES, PE, Resources

CODES = {"DRAM": "D", "L3": "L", "reg_file_1d": "X"}
NAMES = {"BK": "K", "BV": "V"}


def papers_binding(length):
    """Translate the shipped file of +Binding, with queries of at most 128 tiles resident."""
    rows = {row.einsum: row for table in accelerator("binding").tables for row in table.rows}
    tiles = min(128, length // 256)
    left = {"P": tiles, "E": 64, "F": 64}
    steps = []
    for einsum in structure("1-pass").einsums:
        row = rows[einsum.name]
        levels = {level.name: level for level in row.streamed.levels}
        keep = {each.name: "" for each in einsum.tensors}
        for name, code in CODES.items():
            for tensor in levels[name].keep if name in levels else ():
                keep[NAMES.get(tensor, tensor)] += code
        order = tuple(loop.rank for loop in levels["L3"].loops if left[loop.rank] > 1)
        on_pe = row.array == "pe"
        sides = ("M0", "P") if on_pe else ("P",)
        steps.append(Step(einsum.name, Placement(PE if on_pe else LANES, sides, order), keep))
    whole = structure("1-pass").whole
    outer = length // 256 // tiles
    return Binding("1-pass", 256, (BoundGroup(whole, outer, length // 256, 1, tuple(steps)),))


@pytest.mark.parametrize(("name", "length"), [("1K", 2**10), ("16K", 2**14), ("256K", 2**18)])
def test_the_papers_binding_costs_what_the_corrected_accounting_says(name, length):
    rows = csv.DictReader(Path("tests/data/corrected_energy.csv").read_text("utf-8").splitlines())
    row = next(
        row
        for row in rows
        if (row["config"], row["model"], row["seq_len"]) == ("arch_and_binding", "BERT", name)
    )
    extents = {"B": 64, "H": 12, "E": 64, "F": 64, "P": length, "M": length}
    costs = evaluate(papers_binding(length), structure("1-pass"), Resources(), extents)
    assert costs.energy_pj == pytest.approx(float(row["Q1toQ7"]), rel=1e-12)
    assert costs.buffer_words * 2 <= Resources().buffer_bytes
