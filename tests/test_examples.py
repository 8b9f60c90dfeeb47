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
    named = set(re.findall(r"^\| `([\w./-]+\.\w+)`", text, re.MULTILINE))
    files = {path for path in Path("examples").rglob("*") if path.is_file()}
    assert named == {str(path.relative_to("examples")) for path in files} - {"README.md"}
    commands = re.findall(r"^    dse (.*)$", text, re.MULTILINE)
    assert len(commands) == 8
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


GIB = 2**30
LAYERS = 32
HEADS_OF_64 = 64 * 8
"""Key heads of 64 sequences."""


@pytest.fixture
def service() -> pd.DataFrame:
    """The sweep of the service: one row a half of a scene of a feasible design."""
    assert main(["sweep", "examples/service.toml"]) == 0
    return pd.read_parquet("runs/service/sweep/part-000000000000.parquet")


def test_decoding_takes_the_bytes_of_keys_values_and_weights_where_the_bandwidth_binds(
    service: pd.DataFrame,
) -> None:
    """Of each sequence 2 * 8 * 8192 * 128 words of K and V, of 2 bytes or 1; queries and outputs of
    32 heads of 128 words; 218,103,808 weights a layer, and the 64 rows of its seven layers.
    """
    steps = service[service["scene"] == "decode"].groupby(
        ["dram_bytes_per_s", "kv_bits", "design"], observed=True
    )
    fastest_s = LAYERS * steps["latency_s"].sum().groupby(level=[0, 1]).min()
    widths = [(4096, 4096), (4096, 1024), (4096, 1024), (4096, 4096)]
    widths += [(4096, 14336), (4096, 14336), (14336, 4096)]
    weights = sum(rows * columns for rows, columns in widths)
    assert weights == 218_103_808
    edges = 64 * sum(rows + columns for rows, columns in widths)
    for bits, most in ((16, 800), (8, 400)):
        cached = 64 * 2 * 8 * 8192 * 128 * bits // 8
        layer_bytes = cached + 2 * (64 * 32 * 2 * 128 + weights + edges)
        for gib in (50, 100, 200, 400, 800):
            least_s = LAYERS * layer_bytes / (gib * GIB)
            if gib <= most:
                assert fastest_s[gib * GIB, bits] == pytest.approx(least_s, rel=1e-12)
            else:  # the arrays bind
                assert fastest_s[gib * GIB, bits] > 1.6 * least_s


def test_a_prefill_takes_the_cycles_of_the_chunks_that_its_mask_leaves(
    evaluated: Evaluated,
) -> None:
    """Sides of 512 keys by 256 rows, 8 query tiles: 2,048 rows are 512 queries, and the tiles of a
    head visit 1 + 2 + ... + 16 = 136 chunks of 512 keys. A chunk takes each of the 8 tiles of 256
    rows E + F + 9 cycles of the 2D array, and each of the 16 steps of 128 lanes E + F + 10 of the
    1D array, which then divides the F outputs of 16 tiles.
    """
    sizes = {"array-rows": 512, "array-cols": 256, "vector-lanes": 128, "buffer-bytes": 67108864}
    sizes |= {"query-tiles": 8, "seq-len": 8192, "fit": "pad", "accounting": "corrected"}
    options = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    model = "64,4096,128,128,32,14336,kv_heads=8,gated=1,layers=32"
    found = evaluated("--configuration", "binding", "--shape", model, "--causal", *options)
    cycles_2d = HEADS_OF_64 * 136 * 8 * (128 + 128 + 9)
    cycles_1d = HEADS_OF_64 * 16 * (136 * (128 + 128 + 10) + 16 * 128)
    assert found["compute_2d_s"] == pytest.approx(cycles_2d / 940e6, rel=1e-12)
    assert found["compute_1d_s"] == pytest.approx(cycles_1d / 940e6, rel=1e-12)


def test_the_service_brings_forth_its_tokens_in_the_time_of_its_calls(
    service: pd.DataFrame,
) -> None:
    """64 prompts of 8,192 tokens in one call, 64 tokens in each of 512 calls, 32 layers each."""
    calls = {"prefill": 1, "decode": 512}
    weighted_s = service["latency_s"] * service["scene"].astype(str).map(calls) * LAYERS
    seconds = weighted_s.groupby(service["design"]).sum()
    front = pd.read_parquet("runs/service/sweep/front.parquet")
    tokens = 64 * 8192 + 512 * 64
    told = front["tokens_per_s"].to_numpy()
    assert told == pytest.approx(tokens / seconds[front["design"]].to_numpy(), rel=1e-12)
