"""The commands as processes: what they write, print and return."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.results import LABELS, schema_of
from dse.commands.cli import main
from evaluators.protocol import METRICS
from search_spaces.domains import PAPERS

SPOT_ROWS = Path(__file__).parents[1] / "published_rows"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dse", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("runs") / "paper"
    done = run("reproduce", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_reproduce_writes_every_point_in_the_schema(paper: tuple[Path, dict[str, object]]) -> None:
    out, _ = paper
    evaluations = pq.read_table(out / "evaluations")
    assert evaluations.schema.equals(schema_of(PAPERS))
    frame = evaluations.to_pandas()
    assert frame.groupby("study").size().to_dict() == {
        "attention": 120,
        "inference": 48,
        "pareto": 24,
    }
    assert frame[[*LABELS.names, *METRICS, "array_rows", "clock_hz"]].notna().all(axis=None)
    assert frame["feasible"].all()
    flat = frame["configuration"] == "flat"
    assert (frame["query_rows"].notna() == flat).all()
    assert set(frame["qk_stationarity"][flat]) == {"output", "weight"}
    assert frame["breakdown"].map(len).sum() == 2 * 24 * 6 + 3 * 24 * 12 + 2 * 24 * 6 + 24 * 12


def test_reproduce_draws_every_figure_twice(paper: tuple[Path, dict[str, object]]) -> None:
    out, _ = paper
    names = [f"fig{name}" for name in ("6a", "6b", "7", "8", "9", "10", "11", "12")]
    files = {path.name for path in (out / "figures").iterdir()}
    assert files == {f"{name}.{suffix}" for name in names for suffix in ("pdf", "png")}


def test_reproduce_matches_every_value_of_the_figures_and_the_headlines(
    paper: tuple[Path, dict[str, object]],
) -> None:
    _, summary = paper
    checks = summary["checks"]
    assert isinstance(checks, list)
    assert sum(check["rows"] for check in checks) == 852
    assert all(check["agrees"] for check in checks)
    assert summary["headlines"] == {
        "published": pytest.approx(
            {
                "attention speedup": 6.7226,
                "attention energy": 0.7875,
                "end-to-end speedup": 5.3017,
                "end-to-end energy": 0.8335,
            },
            abs=5e-5,
        )
    }


def test_corrected_reproduce_tells_the_effect_of_each_correction(tmp_path: Path) -> None:
    """Ratios: docs/model/corrections.md#effects."""
    done = run("reproduce", "--out", tmp_path, "--accounting", "Q1+Q2+Q3+Q4+Q5+Q6+Q7", "--json")
    assert done.returncode == 0, done.stderr
    ratios = json.loads(done.stdout)["headlines"]
    energy = {name: values["attention energy"] for name, values in ratios.items()}
    assert energy == pytest.approx(
        {
            "published": 0.7875,
            "Q1": 0.8562,
            "Q2": 0.7873,
            "Q3": 0.7875,
            "Q4": 0.7875,
            "Q5": 0.7945,
            "Q6": 0.7873,
            "Q7": 0.7875,
            "Q1+Q2+Q3+Q4+Q5+Q6+Q7": 0.8309,
        },
        abs=5.1e-5,
    )
    end_to_end = ratios["Q1+Q2+Q3+Q4+Q5+Q6+Q7"]["end-to-end energy"]
    assert end_to_end == pytest.approx(0.8880, abs=5.1e-5)


def test_reproduce_into_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = run("reproduce", "--out", blocked)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("dse reproduce: cannot write")
    assert done.stderr.count("\n") == 1


def test_reproduce_does_not_write_into_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.toml").touch()
    assert main(["reproduce", "--out", str(tmp_path)]) == 2
    assert "has a study; name another folder" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["study.toml"]


def test_verify_matches_the_spot_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--reference", str(SPOT_ROWS)]) == 0
    assert "32 of 32 rows matched" in capsys.readouterr().out


def altered(folder: Path, name: str, old: str, new: str) -> Path:
    """Copy the spot rows with one of them altered."""
    folder.mkdir(exist_ok=True)
    for table in SPOT_ROWS.glob("*.csv"):
        text = table.read_text()
        if table.name == name:
            assert old in text
            text = text.replace(old, new, 1)
        (folder / table.name).write_text(text)
    return folder


def test_verify_names_the_row_and_the_column_that_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = altered(tmp_path, "attn-binding.csv", "118.2793728", "118.2793729")
    assert main(["verify", "--reference", str(wrong)]) == 1
    out = capsys.readouterr().out
    assert "31 of 32 rows matched" in out
    assert "BERT 256K, latency: published 118.2793729, ours 118.2793728" in out


def test_verify_accepts_what_the_tolerance_allows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = altered(tmp_path, "attn-binding.csv", "118.2793728", "118.2793729")
    assert main(["verify", "--reference", str(wrong), "--tolerance", "1e-9"]) == 0
    assert "32 of 32 rows matched" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("latency", "delay", "lacks the column latency"),
        ("118.2793728", "fast", "attn-binding.csv line 2: a value is no number"),
        ("BERT,256K", "BERT,256Q", "sequence length '256Q'"),
    ],
)
def test_verify_refuses_a_table_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, sentence: str
) -> None:
    bad = altered(tmp_path, "attn-binding.csv", old, new)
    assert main(["verify", "--reference", str(bad)]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("kind", ["pipe", "device", "twice"])
def test_verify_refuses_what_is_no_table_of_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    bad = altered(tmp_path, "attn-binding.csv", "latency", "latency")
    table = bad / "attn-binding.csv"
    lines = table.read_text().splitlines()
    table.unlink()
    if kind == "pipe":
        os.mkfifo(table)
    elif kind == "device":
        table.symlink_to("/dev/zero")
    else:
        table.write_text("\n".join([*lines, lines[1]]))
    assert main(["verify", "--reference", str(bad)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    told = (
        f"line {len(lines) + 1}: the row is there twice" if kind == "twice" else "no regular file"
    )
    assert told in line


def test_verify_counts_a_row_that_we_do_not_have_as_different(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = altered(tmp_path, "attn-binding.csv", "BERT,256K", "BART,256K")
    assert main(["verify", "--reference", str(more)]) == 1
    assert "BART 256K" in capsys.readouterr().out


def test_verify_without_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--reference", str(tmp_path / "nowhere")]) == 2
    assert "--reference names the folder of the published tables" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["reproduce", "--colour"], ["paint"], ["verify"]])
def test_wrong_usage_is_one_sentence_and_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--reference", ".", "--tolerance", "1\n" * 3000],
        ["study", "run", "binding-bert", "--time-limit-s", "\x1b[2J" * 3000],
        ["sweep", "binding-bert", "a\nb" * 3000],
    ],
)
def test_wrong_usage_is_one_bounded_line_whatever_was_given(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.endswith("--help\n")
    assert line.rstrip("\n").isprintable()
    assert len(line) < 1100


@pytest.mark.parametrize("command", ["reproduce", "verify", "evaluate", "loopnest"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example: dse {command}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, dse.commands.cli\n"
        "try: dse.commands.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = 'numpy', 'pandas', 'pyarrow', 'matplotlib', 'argcomplete'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m dse evaluate | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""


def test_every_figures_data_follows_from_the_written_results(
    paper: tuple[Path, dict[str, object]],
) -> None:
    out, _ = paper
    frame = pd.read_parquet(out / "evaluations")
    attention = frame[frame["study"] == "attention"].pivot_table(
        index=["model", "seq_len"], columns="configuration", values="latency_s"
    )
    assert (attention["flat"] / attention["binding"]).mean() == pytest.approx(6.7226, abs=5e-5)


@pytest.mark.parametrize("evaluator", [[], ["--evaluator", "analytical"]])
def test_a_search_of_timeloop_goes_with_timeloop_alone(
    evaluator: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--mapping", "search", *evaluator]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("dse evaluate: --mapping goes with --evaluator timeloop")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "variable", "value"),
    [
        (["reproduce"], "MPLBACKEND", "paper"),
        (["study", "resume", "binding-bert"], "TQDM_MININTERVAL", "often"),
    ],
)
def test_an_environment_that_a_library_refuses_is_one_sentence(
    tmp_path: Path, arguments: list[str], variable: str, value: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dse", *arguments, "--out", str(tmp_path / "runs")],
        env=os.environ | {variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"dse {arguments[0]}: a library cannot be loaded: ValueError: " in done.stderr
    assert value in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["evaluate"], ["study", "list"], ["reproduce"]])
def test_a_working_folder_that_is_gone_is_one_sentence(
    tmp_path: Path, arguments: list[str]
) -> None:
    script = 'rmdir "$PWD"; exec "$@"'
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-P", "-m", "dse", *arguments],
        cwd=tmp_path / "gone",
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"dse {arguments[0]}: the working folder is not there any more; change to another\n"
    )
