"""One contract for every sampler that runs here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from dse.search.samplers import check_available, columns, distributions, params_of, sampler
from evaluators.errors import InputError
from search_spaces.space import SearchSpace, joint_space, space
from studies.specification import SAMPLERS

Run = Callable[..., tuple[int, str, str]]

DRAWING = [
    name for name in SAMPLERS if name != "grid" and (name != "gp" or find_spec("torch") is not None)
]
SPACES = {"binding": space("binding", [1024]), "joint": joint_space([1024])}

every_sampler = pytest.mark.parametrize("name", DRAWING)
every_space = pytest.mark.parametrize("each", SPACES.values(), ids=SPACES)


def drawn(name: str, each: SearchSpace, *, seed: int = 1, batches: int = 6) -> list[dict[str, Any]]:
    """Draw batches of 8 as the runner does, and tell each an objective that looks like one."""
    study = optuna.create_study(directions=["minimize", "minimize"])
    params = []
    for batch in range(batches):
        study.sampler = sampler(name, seed, 8 * batch)
        trials = [study.ask(distributions(each)) for _ in range(8)]
        params += [trial.params for trial in trials]
        for trial in trials:
            total = float(sum(trial.params.values()))
            study.tell(trial, [total, 100 - total], state=TrialState.COMPLETE)
    return params


@every_sampler
@every_space
def test_every_proposal_is_inside_the_space(name: str, each: SearchSpace) -> None:
    params = drawn(name, each)
    assert all(one.keys() == distributions(each).keys() for one in params)
    assert each.contains(columns(each, params)).all()


@every_sampler
def test_batches_are_the_same_again_and_differ_with_the_seed(name: str) -> None:
    binding = SPACES["binding"]
    params = drawn(name, binding)
    assert drawn(name, binding) == params
    assert drawn(name, binding, seed=2) != params


@every_sampler
def test_a_fresh_process_draws_the_same(name: str) -> None:
    code = (
        "import json, sys, optuna\n"
        "optuna.logging.set_verbosity(optuna.logging.ERROR)\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_samplers import SPACES, drawn\n"
        f"print(json.dumps(drawn({name!r}, SPACES['binding'])))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == drawn(name, SPACES["binding"])


@every_sampler
def test_batches_do_not_repeat_one_another(name: str) -> None:
    """A sampler seeded alike for every batch would draw the first one again and again."""
    params = [tuple(one.values()) for one in drawn(name, SPACES["joint"])]
    first, second = set(params[:8]), set(params[8:16])
    assert not first & second


@every_space
def test_parameters_go_there_and_back(each: SearchSpace) -> None:
    rows = each.rows(each.size // 3, each.size // 3 + 200)
    params = params_of(each, rows)
    assert all(type(value) is int for one in params for value in one.values())
    back = columns(each, params)
    assert all((back[name] == column).all() for name, column in rows.items())


def test_sizes_are_ordered_and_choices_are_not() -> None:
    kinds = {name: type(each).__name__ for name, each in distributions(SPACES["joint"]).items()}
    assert kinds["array_rows"] == kinds["buffer_bytes"] == kinds["query_rows"] == "IntDistribution"
    assert kinds["configuration"] == kinds["keeps_q"] == "CategoricalDistribution"
    assert kinds["qk_stationarity"] == "CategoricalDistribution"
    assert "pe_registers" not in kinds


def test_a_parameter_of_one_value_is_not_drawn() -> None:
    fixed = SPACES["binding"].override({"array_rows": 64})
    assert "array_rows" not in distributions(fixed)
    (params,) = params_of(fixed, fixed.rows(5, 6))
    assert columns(fixed, [params])["array_rows"].tolist() == [64]
    assert np.array_equal(fixed.index(columns(fixed, [params])), [5])


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_gp_without_torch_is_one_sentence_and_makes_no_study(dse: Run, tmp_path: Path) -> None:
    run = ("study", "run", "binding-bert", "--sampler", "gp", "--quiet", "--out", tmp_path / "runs")
    code, out, errors = dse(*run)
    assert (code, out) == (2, "")
    assert errors == (
        "dse study: the sampler gp needs torch: pip install torch, or choose another sampler\n"
    )
    assert not (tmp_path / "runs").exists()


def test_only_gp_needs_more_than_is_installed() -> None:
    for name in SAMPLERS:
        if name == "gp" and find_spec("torch") is None:
            with pytest.raises(InputError, match="needs torch"):
                check_available(name)
        else:
            check_available(name)
