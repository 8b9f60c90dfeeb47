"""What we print for Accelergy is what the artifact gave it; what it answers is our components."""

import numpy as np
import pytest
import yaml

from evaluators.accounting import PUBLISHED
from evaluators.analytical.architecture import storage
from evaluators.errors import EvaluationError
from evaluators.timeloop import accelergy
from evaluators.timeloop.text import as_yaml

CHIPS = {"2d": accelergy.array_chip, "1d": accelergy.lanes_chip}


def recorded_input(point, chip):
    file = point.folder / chip / "parsed-processed-input.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def sorted_actions(architecture):
    for node in architecture["subtree"][0]["local"]:
        if "required_actions" in node:
            node["required_actions"] = sorted(node["required_actions"])
    return architecture


@pytest.mark.parametrize("chip", CHIPS)
def test_the_chips_are_the_recorded_ones(recorded, chip):
    printed = as_yaml(CHIPS[chip](recorded.config, recorded.design))
    ours, theirs = yaml.safe_load(printed), recorded_input(recorded, chip)["architecture"]
    assert sorted_actions(ours) == sorted_actions(theirs)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_components_are_the_recorded_ones_of_the_classes_in_use(recorded, chip):
    described = accelergy.accelergy_input(
        CHIPS[chip](recorded.config, recorded.design), scaled_registers=False
    )
    ours = yaml.safe_load(as_yaml(described))["compound_components"]["classes"]
    theirs = recorded_input(recorded, chip)["compound_components"]["classes"]
    assert ours
    assert [each for each in ours if each not in theirs] == []


def test_accelergys_tables_are_our_components(recorded):
    def run(files, arguments):
        chip = "2d" if "global_buffer" in files["input.yaml"] else "1d"
        return {
            name: (recorded.folder / chip / name).read_text(encoding="utf-8")
            for name in accelergy.OUTPUTS
        }

    theirs = accelergy.components(recorded.config, recorded.design, PUBLISHED, run)
    ours = storage(recorded.design, scaled_registers=False)
    for part in ("buffer", "pe", "lane"):
        for column in ("read_pj", "write_pj", "area_um2"):
            np.testing.assert_allclose(
                getattr(getattr(theirs, part), column),
                getattr(getattr(ours, part), column),
                rtol=1e-14,
            )
    assert theirs.dram_pj == pytest.approx(ours.dram_pj, rel=1e-15)
    for name, unit in theirs.units.items():
        assert unit.energy_pj == ours.units[name].energy_pj
        assert unit.area_um2 == pytest.approx(ours.units[name].area_um2, rel=1e-14)
    assert {*recorded.config.architecture.pe_units, *recorded.config.architecture.lane_units} <= (
        theirs.units.keys()
    )


@pytest.mark.parametrize("text", ["", "ERT: 1", "[", "ERT: {tables: [{name: x}]}"])
def test_what_is_no_table_is_named(text):
    with pytest.raises(EvaluationError, match="no reference tables of Accelergy: "):
        accelergy.parse_tables(dict.fromkeys(accelergy.OUTPUTS, text))


def test_a_component_that_the_tables_lack_is_named():
    empty = accelergy.Tables({}, {})
    with pytest.raises(EvaluationError, match="lack 'read' of DRAM"):
        empty.energy("DRAM", "read", 6)
    with pytest.raises(EvaluationError, match="areas lack mac"):
        empty.area("mac")


def test_corrected_register_files_ask_for_the_share_that_accelergy_reads(recorded):
    chip = accelergy.lanes_chip(recorded.config, recorded.design)
    published, corrected = (
        str(accelergy.accelergy_input(chip, scaled_registers=scaled)) for scaled in (False, True)
    )
    assert "action_share" in published
    assert "energy_scale" in corrected
