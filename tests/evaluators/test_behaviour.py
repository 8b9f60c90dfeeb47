"""Behaviour: digests that change where an evaluation changes, and nowhere else."""

import dataclasses

import numpy as np
import pytest

from evaluators import behaviour as module
from evaluators.accounting import PUBLISHED, Accounting, Correction
from evaluators.behaviour import COMPONENTS, behaviour, digest, golden, golden_values
from evaluators.components import arithmetic
from evaluators.describe import catalogue
from evaluators.describe.catalogue import described
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.errors import InputError
from tests.evaluators.shipped_bindings import BOUND

CONFIGURATIONS = BOUND


def _forget():
    module._digest_of.cache_clear()
    module._components.cache_clear()


@pytest.fixture
def edited(monkeypatch):
    """Digests of a model that is edited in this process: computed anew before and after."""
    _forget()
    yield monkeypatch
    monkeypatch.undo()
    _forget()


def test_every_configuration_and_the_components_have_a_digest():
    digests = behaviour("analytical", CONFIGURATIONS)
    assert list(digests) == [*CONFIGURATIONS, COMPONENTS]
    assert all(len(each) == 8 and int(each, 16) >= 0 for each in digests.values())


def test_an_edited_schedule_changes_its_configuration_alone(edited):
    before = behaviour("analytical", CONFIGURATIONS)
    stalled = dataclasses.replace(described("binding"), stages=described("architecture").stages)
    edited.setitem(catalogue._KNOWN, "binding", ((), stalled))
    _forget()
    after = behaviour("analytical", CONFIGURATIONS)
    assert {name for name in before if before[name] != after[name]} == {"binding"}


def test_an_edited_component_changes_the_components(edited):
    before = behaviour("analytical", CONFIGURATIONS)
    divide = dataclasses.replace(arithmetic.units(16)["divide"], energy_pj=9.0)
    edited.setitem(arithmetic.charged(16), "divide", divide)
    _forget()
    after = behaviour("analytical", CONFIGURATIONS)
    assert before[COMPONENTS] != after[COMPONENTS]
    assert before["binding"] != after["binding"]
    assert before["linear_flat"] == after["linear_flat"]


def evaluated(name, workload, designs, accounting):
    own = designs.only(described(name).all_parameters)
    return AnalyticalEvaluator().evaluate(name, workload, own, accounting)


def test_the_golden_designs_feel_every_correction():
    """Q12 aside, which replaces a mapping that a design carries by the optimum found anyway."""

    def energies(accounting):
        return [
            evaluated(name, *batch, accounting).metrics["energy_pj"]
            for name in CONFIGURATIONS
            for batch in golden()
        ]

    published = np.concatenate(energies(PUBLISHED))
    for correction in set(Correction) - {Correction.Q12}:
        repaired = np.concatenate(energies(Accounting(frozenset({correction}))))
        assert not np.array_equal(published, repaired, equal_nan=True), correction


def test_some_golden_designs_are_feasible_and_some_are_not():
    for name in CONFIGURATIONS:
        feasible = [evaluated(name, *batch, PUBLISHED).feasible for batch in golden()]
        assert np.concatenate(feasible).any(), name
        assert not np.concatenate(feasible).all(), name


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("direction", [1, -1])
def test_the_last_digits_of_another_instruction_set_change_no_digest(name, direction):
    def shifted():
        for label, value in golden_values(name):
            column = np.asarray(value)
            real = column.dtype.kind == "f"
            yield label, column * (1 + direction * 2e-15) if real else value

    assert digest(shifted()) == behaviour("analytical", CONFIGURATIONS)[name]


def test_timeloop_has_our_engines_behaviour():
    assert behaviour("timeloop", CONFIGURATIONS) == behaviour("analytical", CONFIGURATIONS)


def test_an_unknown_evaluator_is_named():
    with pytest.raises(InputError, match="unknown evaluator 'zigzag'"):
        behaviour("zigzag", CONFIGURATIONS)
