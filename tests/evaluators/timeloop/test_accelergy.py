"""What Accelergy answers to what we print is our components."""

import numpy as np
import pytest

from evaluators.engine.costs import prices
from evaluators.errors import EvaluationError
from evaluators.timeloop import accelergy, audit


def recorded_tables(point):
    """Accelergy's recorded tables of a point's chips."""

    def run(files, arguments):
        return point.replay.get(" ".join(("accelergy", *arguments)), files, None)

    return run


def test_accelergys_tables_are_our_components(recorded):
    theirs = accelergy.components(recorded.nests, recorded_tables(recorded))
    ours = audit.prices(prices(recorded.nests))
    found = audit.prices(theirs)
    assert found == pytest.approx({name: ours[name] for name in found}, rel=1e-14)
    arrays = recorded.nests.accelerator.machine.arrays
    assert theirs.registers.keys() == arrays.keys()
    assert theirs.units.keys() >= {unit for array in arrays.values() for unit in array.units}


def test_only_rounded_energies_are_the_published_ones(recorded):
    rounded, exact = (
        accelergy.components(recorded.nests, recorded_tables(recorded), rounded=each)
        for each in (True, False)
    )
    assert rounded.buffers["L3"].read_pj == np.round(exact.buffers["L3"].read_pj, 6)
    assert exact.registers["vector"].read_pj != rounded.registers["vector"].read_pj


@pytest.mark.parametrize("text", ["", "ERT: 1", "[", "ERT: {tables: [{name: x}]}"])
def test_what_is_no_table_is_named(text):
    with pytest.raises(EvaluationError, match="no reference tables of Accelergy: "):
        accelergy.parse_tables(dict.fromkeys(accelergy.OUTPUTS, text))


def test_a_component_that_the_tables_lack_is_named():
    empty = accelergy.Tables({}, {})
    with pytest.raises(EvaluationError, match="lack 'read' of DRAM"):
        empty.energy("DRAM", "read", rounded=True)
    with pytest.raises(EvaluationError, match="areas lack mac"):
        empty.area("mac")


def test_corrected_register_files_ask_for_the_share_that_accelergy_reads(recorded):
    chip = accelergy.chips(recorded.nests)["vector"]
    published, corrected = (
        str(accelergy.accelergy_input(chip, scaled_registers=scaled)) for scaled in (False, True)
    )
    assert "action_share" in published
    assert "energy_scale" in corrected
