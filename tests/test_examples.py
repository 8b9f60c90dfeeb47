"""The examples: what their README runs, and what they evaluate to by hand."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dse.commands.cli import main

ROOT = Path(__file__).parents[1]
Evaluated = Callable[..., dict[str, float]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def evaluated(capsys: pytest.CaptureFixture[str]) -> Evaluated:
    def evaluate(*arguments: str) -> dict[str, float]:
        capsys.readouterr()
        assert main(["evaluate", *arguments, "--json"]) == 0
        found: dict[str, float] = json.loads(capsys.readouterr().out)
        return found

    return evaluate


def test_the_readme_names_every_file_and_its_commands_run() -> None:
    text = Path("examples/README.md").read_text()
    named = set(re.findall(r"^\| `([\w-]+\.\w+)`", text, re.MULTILINE))
    assert named == {path.name for path in Path("examples").iterdir()} - {"README.md"}
    commands = re.findall(r"^    dse (.*)$", text, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        assert main(command.split()) == 0, command


def test_the_overlapped_accelerator_is_five_lines_and_as_slow_as_its_busiest_part(
    evaluated: Evaluated,
) -> None:
    assert len(Path("examples/overlapped.toml").read_text().splitlines()) == 5
    found = evaluated("--configuration", "examples/overlapped.toml", "--seq-len", "64K")
    busiest = max(found[f"{each}_s"] for each in ("compute_2d", "compute_1d", "memory_latency"))
    assert found["latency_s"] == pytest.approx(busiest, rel=1e-14)


def test_the_papers_stages_cost_at_most_four_in_a_thousand() -> None:
    """What the tutorial says: at the area of a design on +Binding's front, by both true fronts."""
    fronts = {}
    for name, file in (("mine", "examples/overlapped.toml"), ("binding", "binding")):
        study = f'name = "{name}"\nconfiguration = "{file}"\nmodels = ["BERT"]\nseq_lens = ["64K"]'
        Path(f"{name}.toml").write_text(study)
        assert main(["sweep", f"{name}.toml"]) == 0
        fronts[name] = pd.read_parquet(f"runs/{name}/sweep/front.parquet")
    mine = fronts["mine"]
    gains = [
        latency_s / mine.loc[mine["area_um2"] <= area_um2 * (1 + 1e-12), "latency_s"].min()
        for area_um2, latency_s in fronts["binding"][["area_um2", "latency_s"]].to_numpy()
    ]
    assert min(gains) == pytest.approx(1, rel=1e-12)
    assert 1.003 < max(gains) < 1.004


def test_the_edge_chip_is_slower_as_its_array_and_clock_say(evaluated: Evaluated) -> None:
    found = evaluated("--configuration", "examples/edge.toml", "--seq-len", "64K")
    # BERT: 64 sequences, 12 heads; a chunk of 64 keys takes 64 queries in E + F + 1 + 7 + 1 cycles.
    cycles = 64 * 12 * (65536 // 64) ** 2 * (64 + 64 + 1 + 7 + 1)
    assert found["compute_2d_s"] == pytest.approx(cycles / 470e6, rel=1e-14)
    assert found["memory_latency_s"] == pytest.approx(found["traffic_bytes"] / 34.1e9, rel=1e-14)
    paper = evaluated("--configuration", "binding", "--seq-len", "64K")
    assert found["compute_2d_s"] / paper["compute_2d_s"] == pytest.approx(16 * 2, rel=1e-14)
    assert found["area_um2"] < paper["area_um2"] / 12


def cells(notebook: Path) -> list[str]:
    """The code of a notebook of format 4, cell by cell."""
    content = json.loads(notebook.read_text())
    assert content["nbformat"] == 4
    assert len({each["id"] for each in content["cells"]}) == len(content["cells"])
    return ["".join(each["source"]) for each in content["cells"] if each["cell_type"] == "code"]


def shown(cell: str, names: dict[str, object]) -> object:
    """Run a cell and return what a notebook shows under it: the value of its last line."""
    *statements, last = ast.parse(cell).body
    if not isinstance(last, ast.Expr):
        statements.append(last)
    exec(compile(ast.Module(statements, []), "a cell", "exec"), names)
    return eval(ast.unparse(last), names) if isinstance(last, ast.Expr) else None


def test_the_notebook_runs_and_shows_a_front_and_its_figure_within_ten_lines() -> None:
    code = cells(Path("examples/front.ipynb"))
    assert sum(len(each.splitlines()) for each in code[:2]) < 10  # pip install is the tenth
    names: dict[str, object] = {}
    front, figure, _, again, designs = (shown(each, names) for each in code)
    assert isinstance(front, pd.DataFrame)
    points = front[["area_um2", "latency_s"]].to_numpy()
    assert len(points) > 5
    for one in points:
        assert not any((other <= one).all() and (other < one).any() for other in points)
    for each in (figure, again):
        assert each._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert isinstance(designs, pd.DataFrame)
    assert designs["feasible"].all()
