"""What a study's file says of its scenes, and every wrong way to say it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evaluators.errors import InputError
from studies import toml

ROOT = Path(__file__).parents[2]

MIX = """name = "service"
configuration = "binding"
objectives = ["tokens_per_s"]
trials = 9

[[workloads]]
name = "prefill"
weight = 1
model = "llama-3-8b"
seq_len = "8K"

[[workloads]]
name = "decode"
weight = 1000
model = "llama-3-8b"
queries = 1
keys = "8K"
"""


def test_a_weight_makes_a_mix_and_a_scene_without_one_is_called_once() -> None:
    study = toml.parse(MIX.replace("weight = 1\n", ""), "f")
    assert study.weights == (1, 1000)
    assert study.scenes == ("prefill", "decode")
    unweighted = MIX.replace("weight = 1\n", "").replace("weight = 1000\n", "")
    assert toml.parse(unweighted, "f").weights == ()
    summed = f'over_workloads = "weighted sum"\n{unweighted}'
    assert toml.parse(summed, "f").weights == (1, 1)


def test_a_study_says_what_its_objectives_are_of() -> None:
    unnamed = re.sub('name = "(prefill|decode)"\n', "", MIX)
    assert toml.parse(unnamed, "f").objectives_of == (
        "a mix of 1 of workload 1 and 1000 of workload 2"
    )
    unweighted = re.sub("weight = .*\n", "", MIX)
    assert toml.parse(unweighted, "f").objectives_of == "geometric means over 2 workloads"
    alone = 'name = "x"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["1K"]\n'
    assert toml.parse(alone, "f").objectives_of == ""


def test_what_objectives_are_of_is_what_a_study_is() -> None:
    """A study is not continued as another, so each of these must tell in its digest."""
    texts = [
        MIX,
        MIX.replace("weight = 1000", "weight = 999"),
        MIX.replace("weight = 1000\n", "").replace("weight = 1\n", ""),
        MIX.replace("trials", "whole_model = true\ntrials"),
        MIX.replace("trials", 'linear_layers = "linear_fusemax"\ntrials'),
        MIX.replace('"decode"', '"answer"'),
        f"{MIX}[constraints]\npower_w = 5\n",
        f"{MIX}[constraints]\npower_w = {{ min = 5 }}\n",
    ]
    assert len({toml.parse(text, "f").digest() for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("weight = 1\n", "weight = 0\n", "f line 8: weight: 0 is not a number of calls, above 0"),
        ("weight = 1\n", "weight = inf\n", "f line 8: weight: inf is not a number of calls"),
        ("weight = 1\n", "wieght = 1\n", "f line 8: wieght: .* did you mean weight"),
        ('"prefill"', '"decode"', "f line 6: workloads: name 'decode': give each workload another"),
        ('"prefill"', '"a,b"', "f line 6: workloads: name 'a,b': give each workload another, of"),
        (
            "trials",
            'over_workloads = "geometric mean"\ntrials',
            "f line 4: over_workloads: a geometric mean has no weights; leave them out, or write",
        ),
        (
            "trials",
            'over_workloads = "sum"\ntrials',
            "f line 4: over_workloads: 'sum' is unknown; known are geometric mean, weighted sum",
        ),
        ("trials", "whole_model = 1\ntrials", "f line 4: whole_model: 1 is not true or false"),
        (
            "trials",
            'linear_layers = "flat"\ntrials',
            "f line 4: linear_layers: flat computes attention, not linear layers",
        ),
        (
            "trials",
            'linear_layers = "linear_flat"\ntrials',
            "f line 4: linear_layers: binding runs on fusemax, but linear_flat on flat; give",
        ),
        (
            "trials",
            'linear_layers = ["linear_flat", "linear_fusemax"]\ntrials',
            "f line 4: linear_layers: linear_flat: no configuration is on the machine of these",
        ),
        (
            "trials",
            'evaluator = "mapper"\nlinear_layers = "linear_fusemax"\ntrials',
            "f line 5: linear_layers: the evaluator mapper binds attention alone; leave them out",
        ),
        ("queries = 1\n", 'queries = "8K"\n', "f line 6: workloads: .* once"),
    ],
)
def test_a_wrong_mix_is_refused_in_one_line(old: str, new: str, error: str) -> None:
    assert old in MIX
    with pytest.raises(InputError, match=error) as refusal:
        toml.parse(MIX.replace(old, new, 1), "f")
    assert "\n" not in str(refusal.value)


def test_the_use_of_a_2d_array_is_no_objective_where_no_array_is_called_so(tmp_path: Path) -> None:
    machine = (ROOT / "evaluators/machines/one_array.toml").read_text()
    (tmp_path / "m.toml").write_text(re.sub(r"(?ms)^\[paper_names\].*?(?=^\[|\Z)", "", machine))
    (tmp_path / "a.toml").write_text('name = "a"\nbase = "one_array"\nmachine = "m.toml"\n')
    text = 'name = "x"\nconfiguration = "a.toml"\nmodels = ["BERT"]\nseq_lens = ["1K"]\n'
    assert toml.parse(text, "f", tmp_path).objectives == ("area", "latency")
    with pytest.raises(InputError, match="line 5: objectives: util_2d: the machine"):
        toml.parse(f'{text}objectives = ["util_2d"]\n', "f", tmp_path)
