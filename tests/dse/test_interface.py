"""The Python interface: its examples run, and it gives what the commands give."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest

import dse

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


FUNCTIONS = [name for name in dse.__all__ if inspect.isfunction(getattr(dse, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs_as_it_is_written(name: str) -> None:
    if name == "confirm" and shutil.which("timeloop-model") is None:
        pytest.skip("Timeloop is not installed")
    function = getattr(dse, name)
    (test,) = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert test.examples
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert result.failed == 0


def test_the_reference_is_what_the_docstrings_say() -> None:
    spec = spec_from_file_location("python_reference", ROOT / "docs" / "python_reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = module_from_spec(spec)
    spec.loader.exec_module(reference)
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), (
        "python docs/python_reference.py writes it anew"
    )
    for name in FUNCTIONS:  # what is documented of a function are its arguments, all of them
        function = getattr(dse, name)
        documented = re.search(r"^Args:\n(.*?)^\S", inspect.getdoc(function) or "", re.M | re.S)
        named = re.findall(r"^    (\w+): ", documented[1] if documented else "", re.MULTILINE)
        assert named == list(inspect.signature(function).parameters), name


def test_rows_of_a_table_are_what_the_command_says_of_each(dse_command: Run) -> None:
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "array_rows": [64, None, 100], "configuration": "cascade"},
        index=[7, 5, 6],
    )
    papers = {"accounting": "published", "fit": "strict"}
    found = dse.evaluate(frame, seq_len="16K", model=["BERT", "T5", "XLM"], **papers)
    assert list(found.index) == [7, 5, 6]
    assert list(found["id"]) == ["a", "b", "c"]
    options = [word for name, text in papers.items() for word in (f"--{name}", text)]
    for place, (model, rows) in enumerate([("BERT", 64), ("T5", 256)]):
        words = ["--configuration", "cascade", "--model", model, "--array-rows", rows, *options]
        code, out, _ = dse_command("evaluate", *words, "--seq-len", "16K", "--json")
        assert code == 0
        told = json.loads(out)
        row = found.iloc[place]
        assert {name: row[name] for name in told if name in row} == {
            name: value for name, value in told.items() if name in row
        }
    words = ["--configuration", "cascade", "--model", "XLM", "--array-rows", 100, *options]
    code, _, errors = dse_command("evaluate", *words, "--seq-len", "16K")
    assert (code, errors) == (2, f"dse evaluate: {found['reason'].iloc[2]}\n")
    assert np.isnan(found["latency_s"].iloc[2])


@pytest.fixture
def dse_command(request: pytest.FixtureRequest) -> Run:
    run: Run = request.getfixturevalue("dse")
    return run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"array_row": 3}, "unknown column array_row; did you mean array_rows?"),
        ({"colour": 3}, "unknown argument 'colour'; designs have configuration, model"),
        ({"array_rows": [1, 2, 3], "array_cols": [1, 2]}, "array_cols has 2 values for 3 designs"),
        ({"array_rows": 1.5}, "row 1: array_rows '1.5': give a positive integer"),
        ({"array_rows": [8, True]}, "row 2: array_rows is true or false; give a number"),
        ({"array_rows": np.array([8, -8])}, "row 2: array_rows '-8': give a positive integer"),
        ({"configuration": "bindin"}, "unknown configuration 'bindin'; did you mean binding"),
        ({"configuration": ["flat", "bindin"]}, "row 2: unknown configuration 'bindin'; did you"),
        ({"evaluator": "guess"}, "unknown evaluator 'guess'; known are analytical"),
    ],
)
def test_what_no_design_can_be_is_one_line(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(dse.Error) as error:
        dse.evaluate(**arguments)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_columns_of_a_table_are_not_given_twice() -> None:
    with pytest.raises(dse.Error, match="seq_len is a column of the table and given beside it"):
        dse.evaluate(pd.DataFrame({"seq_len": ["1K"]}), seq_len="2K")
    with pytest.raises(dse.Error, match="the table: column seq_len is there twice"):
        dse.evaluate(pd.DataFrame([["1K", "2K"]], columns=["seq_len", "seq_len"]))
    with pytest.raises(dse.Error, match="the table: column 0 has no name"):
        dse.evaluate(pd.DataFrame([[1]]))


def test_a_table_of_any_types_is_read_as_its_values_are() -> None:
    plain = dse.evaluate(array_rows=[64, 128], seq_len="16K")
    for rows in (
        [64.0, 128.0],
        ["64", "128"],
        np.array([64, 128], np.uint8),
        pd.array([64, 128], "Int64"),
        pd.Categorical([64, 128]),
        pd.Series(["64", "128"], dtype="string"),
        np.array([64, "128"], object),
    ):
        frame = pd.DataFrame({"array_rows": rows, "seq_len": 16384})
        pd.testing.assert_frame_equal(dse.evaluate(frame), plain)
    assert dse.evaluate(pd.DataFrame({"array_rows": np.array([], np.int64)})).empty


# Studies.


def test_a_study_is_what_the_commands_show_of_it(dse_command: Run, folder: Path) -> None:
    counted: list[int] = []
    study = dse.study("binding-bert", trials=40, seed=1)
    returned = study.run(progress=lambda counts: counted.append(counts["trials"]))
    assert returned is study
    assert counted == [0, 16, 32, 40]
    code, out, _ = dse_command("front", "binding-bert", "--json")
    assert code == 0
    told = json.loads(out)
    assert study.front["trial"].tolist() == [row["trial"] for row in told["front"]]
    assert study.front["latency_s"].tolist() == [row["latency_s"] for row in told["front"]]
    assert (len(study.trials), study.trials["feasible"].sum()) == (40, told["feasible"])
    assert study.true_front is None
    true = dse.sweep(study)
    assert len(true) == 87  # as README's `dse sweep binding-bert` says
    pd.testing.assert_frame_equal(study.true_front, true, check_dtype=False)
    pd.testing.assert_frame_equal(dse.sweep("binding-bert"), true)
    for objective in ("area_um2", "latency_s"):  # a search is no better than the truth
        assert study.front[objective].min() >= true[objective].min()
    axes = study.figure().axes
    assert [each.get_title() for each in axes] == ["FuseMax, figure 12", "Searched fronts"]


def test_a_study_is_opened_again_and_goes_on(folder: Path) -> None:
    values = {"configuration": "binding", "models": ("BERT",), "seq_lens": ["64K"], "batch": 8}
    mine = dse.study(name="mine", **values, trials=np.int64(8), sampler="random")
    mine.run(progress=False)
    again = dse.study("mine")
    assert again.specification == mine.specification
    longer = again.resume(20, progress=False)
    assert len(longer.trials) == len(again.trials) == 20
    one = dse.study(name="mine", **values, trials=20, sampler="random", out=folder / "other")
    pd.testing.assert_frame_equal(one.run(progress=False).trials, longer.trials)


def test_the_commands_warning_is_a_warning(folder: Path) -> None:
    study = dse.study("binding-bert", trials=16, sampler="random").run(progress=False)
    with pytest.warns(UserWarning, match="its budget was 16 trials and is 8 now") as told:
        study.resume(8, progress=False)
    assert told[0].filename == __file__
    shorter = dse.study("binding-bert", trials=4, sampler="random")
    with pytest.warns(UserWarning, match="its budget was 8 trials and is 4 now") as told:
        shorter.run(progress=False)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.resume(24, progress=False)


def test_what_is_wrong_with_a_study_is_one_line(folder: Path) -> None:
    with pytest.raises(dse.Error, match="tials: a study has no such key; did you mean trials"):
        dse.study("binding-bert", tials=3)
    with pytest.raises(dse.Error, match="the study: the key configuration is missing"):
        dse.study(name="mine")
    with pytest.raises(dse.Error, match="pareto is a collection; give one of binding-bert"):
        dse.study("pareto")
    with pytest.raises(dse.Error, match="binding-bert: trials: 0 is not an integer from 1"):
        dse.study("binding-bert", trials=0)
    with pytest.raises(dse.Error, match="there is no study in runs/binding-bert; "):
        dse.study("binding-bert").trials  # noqa: B018
    energy = dse.study("binding-bert", objectives=["energy"], trials=8, sampler="random")
    with pytest.raises(dse.Error, match="a figure draws two objectives or more"):
        energy.run(progress=False).figure()


# A user's own modules have our packages' names.

HOSTILE = {
    "analysis.py": "raise SystemExit('the analysis of the user')\n",
    "studies.py": "mine = 1\n",
    "evaluators/__init__.py": "mine = 1\n",
    "search_spaces/mine.py": "",
}

SCRIPT = """
import json, sys
import studies as own
sys.path.insert(0, "") if sys.path[0] != "" else None
import dse

if __name__ == "__main__":
    assert own.mine == 1
    study = dse.study("binding-bert", trials=16, sampler="random")
    study.run(progress=False, **json.loads(sys.argv[1]))
    print(study.front["latency_s"].sum())
    import analysis.fronts
"""


@pytest.fixture
def hostile(folder: Path) -> Path:
    for name, content in HOSTILE.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    (folder / "mine.py").write_text(SCRIPT)
    return folder


def printed(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("where", ["serial", "processes", "ray"])
def test_a_users_modules_of_our_packages_names_break_nothing(hostile: Path, where: str) -> None:
    how = {"executor": where} | ({} if where == "serial" else {"workers": 2})
    told = float(printed(hostile, "mine.py", json.dumps(how)))
    expected = dse.study("binding-bert", trials=16, sampler="random", out=hostile / "other")
    assert told == expected.run(progress=False).front["latency_s"].sum()


@pytest.mark.parametrize(
    "command", [["-m", "dse"], ["-c", "from dse.commands.entry import main; main()"]]
)
def test_nor_do_they_break_the_command(hostile: Path, command: list[str]) -> None:
    assert "latency" in printed(hostile, *command, "evaluate", "--seq-len", "64K")


def test_importing_dse_imports_nothing_large() -> None:
    large = "pandas numpy pyarrow optuna matplotlib ray scipy"
    code = f"import dse, sys; print([m for m in '{large}'.split() if m in sys.modules])"
    assert printed(ROOT, "-c", code) == "[]\n"
    assert {"evaluate", "study", "sweep"} <= set(dir(dse))
    with pytest.raises(AttributeError, match="module 'dse' has no attribute 'evaluat'"):
        dse.evaluat  # noqa: B018


def test_a_study_that_was_run_is_opened_with_other_values(tmp_path: Path) -> None:
    own = {"configuration": "binding", "models": ["BERT"], "seq_lens": ["16K"], "seed": 3}
    dse.study(name="own", **own, trials=16, sampler="random", out=tmp_path).run(progress=False)
    again = dse.study("own", trials=24, out=tmp_path)
    assert (again.specification.trials, again.specification.seed) == (24, 3)
    assert len(again.run(progress=False).trials) == 24
    assert dse.study("binding-bert", trials=5, out=tmp_path).specification.seed == 0


def test_a_copy_of_a_study_is_compared_by_its_folder(tmp_path: Path) -> None:
    own = dse.study("binding-bert", trials=16, sampler="random", out=tmp_path).run(progress=False)
    copytree(own.folder, tmp_path / "copy")
    both = dse.compare("binding-bert", "copy", out=tmp_path)
    assert both.studies["study"].tolist() == ["binding-bert", "copy"]
    assert both.studies["joint"].tolist() == [len(own.front)] * 2
    assert both.wins.empty
    with pytest.raises(dse.Error, match="each once"):
        dse.compare("copy", "copy", out=tmp_path)
