"""What Accelergy answers to what we print is our components."""

import numpy as np
import pytest
from evaluators.analytical.architecture import storage

from evaluators.accounting import PUBLISHED
from evaluators.errors import EvaluationError
from evaluators.timeloop import accelergy, audit


def recorded_tables(point):
    """Accelergy's recorded tables of a point's chips."""

    def run(files, arguments):
        return point.replay.get(" ".join(("accelergy", *arguments)), files, None)

    return run


def test_accelergys_tables_are_our_components(recorded):
    theirs = accelergy.components(
        recorded.config, recorded.design, PUBLISHED, recorded_tables(recorded)
    )
    ours = audit.prices(storage(recorded.design, scaled_registers=False))
    found = audit.prices(theirs)
    assert found == pytest.approx({name: ours[name] for name in found}, rel=1e-14)
    assert {*recorded.config.architecture.pe_units, *recorded.config.architecture.lane_units} <= (
        theirs.units.keys()
    )


def test_only_rounded_energies_are_the_published_ones(recorded):
    rounded, exact = (
        accelergy.components(
            recorded.config,
            recorded.design,
            PUBLISHED,
            recorded_tables(recorded),
            rounded=each,
        )
        for each in (True, False)
    )
    assert rounded.buffer.read_pj == np.round(exact.buffer.read_pj, 6)
    assert exact.lane.read_pj != rounded.lane.read_pj


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
    chip = accelergy.lanes_chip(recorded.config, recorded.design)
    published, corrected = (
        str(accelergy.accelergy_input(chip, scaled_registers=scaled)) for scaled in (False, True)
    )
    assert "action_share" in published
    assert "energy_scale" in corrected
