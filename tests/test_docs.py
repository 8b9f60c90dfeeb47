"""The pages of docs/model: what they link and cite is there, what they state is computed."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dse.commands.cli import main
from evaluators.accounting import Accounting
from evaluators.components import arithmetic, dram
from evaluators.components.register_file import register_file
from evaluators.components.sram import sram
from evaluators.describe.catalogue import described
from evaluators.protocol import Evaluations, evaluator
from evaluators.workloads.paper import SEQ_LENS, TRANSFORMERS
from evaluators.workloads.transformer import SHAPE
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "docs" / "model"
PAGES = sorted(path.name for path in MODEL.glob("*.md"))
PACKAGES = ("dse", "analysis", "studies", "search_spaces", "evaluators", "benchmarks", "tests")
BERT_256K = Workload(TRANSFORMERS["BERT"], 2**18)
CONFIGURATIONS = {
    "unfused": "unfused",
    "FLAT": "flat",
    "+Cascade": "cascade",
    "+Binding": "binding",
}
MIB = 2**20


@cache
def text(page: str) -> str:
    return (MODEL / page).read_text(encoding="utf-8")


@cache
def anchors(page: str) -> list[str]:
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def section(page: str, heading: str) -> str:
    """Text below a heading, up to the next one."""
    _, found, rest = text(page).partition(f"# {heading}\n")
    assert found, f"{page} has no section {heading}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(source: str) -> list[list[list[str]]]:
    """Tables of a text, header first, without the rule below it."""
    found: list[list[list[str]]] = []
    before = ""
    for line in source.split("\n"):
        if line.startswith("|"):
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            if not before.startswith("|"):
                found.append([])
            if set(line) != {"|", "-"}:
                found[-1].append(cells)
        before = line
    return found


def rows(table: list[list[str]]) -> list[dict[str, str]]:
    header, *body = table
    return [dict(zip(header, row, strict=True)) for row in body]


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


def evaluate(name: str, workload: Workload, accounting: str = "published") -> Evaluations:
    under = Accounting.parse(accounting)
    design = paper_design(name, workload, under)
    return evaluator("analytical").evaluate(name, workload, design, under, breakdown=True)


# What they link and cite.


@pytest.mark.parametrize("page", PAGES)
def test_no_heading_occurs_twice_on_a_page(page: str) -> None:
    assert len(set(anchors(page))) == len(anchors(page))


@pytest.mark.parametrize("page", PAGES)
def test_no_product_is_set_as_emphasis_and_no_sum_as_a_list(page: str) -> None:
    prose = re.sub(r"```.*?```|^    [^\n]*$", "", text(page), flags=re.DOTALL | re.MULTILINE)
    assert not re.findall(r"^[-+] .*", prose, re.MULTILINE)
    assert not re.findall(r"\S*[\w)]\*[\w(]\S*", re.sub(r"`[^`]*`", "", prose))


@pytest.mark.parametrize("path", [*(MODEL / page for page in PAGES), ROOT / "README.md"])
def test_every_link_leads_to_a_page_and_a_heading(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = path.parent / file if file else path
        assert place.exists(), f"{path.name} links {target}"
        if anchor:
            assert anchor in anchors(place.name), f"{path.name} links {target}"


def test_every_page_is_reachable_from_the_index_and_that_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)", text("README.md")))
    assert linked == set(PAGES) - {"README.md"}
    assert "](docs/model/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_cites_pages_and_headings_that_exist() -> None:
    cited = 0
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            for page, anchor in re.findall(r"docs/model/([\w-]+\.md)(?:#([\w-]+))?", source):
                cited += 1
                assert page in PAGES, f"{path} cites {page}"
                assert not anchor or anchor in anchors(page), f"{path} cites {page}#{anchor}"
    assert cited > len(PAGES)


# What they state.


def examples() -> list[Any]:
    page = text("loop-nests.md")
    found = re.findall(r"```json\n([^`]*)```\n\n((?:\|.*\n)+)", page)
    return [pytest.param(*each, id=json.loads(each[0])["id"]) for each in found]


def test_every_case_of_the_page_on_loop_nests_has_its_table() -> None:
    assert len(examples()) == text("loop-nests.md").count("```json") == 4


@pytest.mark.parametrize(("case", "table"), examples())
def test_the_worked_examples_are_what_dse_loopnest_counts(
    case: str, table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "case.jsonl"
    file.write_text(case.replace("\n", " "))
    counted = {}
    for suffix, options in (("", []), (" (exact)", ["--exact"])):
        assert main(["loopnest", str(file), "--json", *options]) == 0
        counted[suffix] = json.loads(capsys.readouterr().out)["counts"]["levels"]
    stated = rows(tables(table)[0])
    places = [(row["level"], row["tensor"]) for row in stated]
    assert places == [(level, name) for level, kept in counted[""].items() for name in kept]
    for row in stated:
        for column, cell in row.items():
            if column not in ("level", "tensor"):
                quantity, exact, _ = column.partition(" (exact)")
                counts = counted[exact][row["level"]][row["tensor"]]
                assert number(cell) == counts[quantity], (row["level"], row["tensor"], column)


def test_the_transformers_and_the_machine_are_the_papers() -> None:
    stated = {
        name: sizes for name, *sizes in tables(section("workloads.md", "Transformers"))[0][1:]
    }
    assert stated == {
        name: [str(getattr(shape, size)) for size in SHAPE] for name, shape in TRANSFORMERS.items()
    }
    machine = section("workloads.md", "Machine constants")
    bandwidth = described("binding").all_parameters["dram_bytes_per_s"].default
    assert bandwidth is not None
    assert f"{int(bandwidth):,} bytes/s" in machine
    names = ("flat", "binding", "linear_flat", "linear_fusemax")
    for name, (_, buffer, pe, lane) in zip(names, tables(machine)[1][1:], strict=True):
        sizes = {each: own.default for each, own in described(name).all_parameters.items()}
        assert buffer == f"{int(sizes['buffer_bytes'] or 0) // MIB} MiB", name
        assert (int(pe), int(lane)) == (sizes["pe_registers"], sizes["lane_registers"]), name


def test_the_operations_are_those_that_are_charged() -> None:
    three_pass, cascades = tables(section("cascades.md", "Operations"))
    for name, columns, table in (
        ("flat", slice(1, 4), three_pass),
        ("cascade", slice(1, 4), cascades),
        ("binding", slice(4, 7), cascades),
    ):
        stated = {row[0]: row[columns] for row in table[1:]}
        assert stated == {
            einsum: [
                {"pe": "2d", "vector": "1d"}[row.array],
                ", ".join(
                    unit if count == 1 else f"{count} {unit}"
                    for unit, count in row.operations.items()
                ),
                str(row.cycles),
            ]
            for einsum in described(name).cascade.einsums
            for _, row in described(name).rows(einsum)
        }


def test_the_query_tiles_are_those_that_are_chosen() -> None:
    for row in tables(section("mappings.md", "Query tiles"))[0][1:]:
        name, _, accounting = row[0].partition(", ")
        shape = next(each for each in TRANSFORMERS.values() if each.query_width == int(row[1]))
        chosen = [
            evaluate(CONFIGURATIONS[name], Workload(shape, length), accounting or "published")
            for length in SEQ_LENS
        ]
        assert [int(each.designs.columns["query_tiles"][0]) for each in chosen] == [
            int(c) for c in row[2:]
        ]


def test_the_shares_that_spill_are_those_of_flats_own_model() -> None:
    with (ROOT / "tests" / "data" / "flat_bindings.csv").open(encoding="ascii", newline="") as file:
        spilled = {
            (row["model"], row["seq_len"]): float(row["proportion_spilled"])
            for row in csv.DictReader(file)
            if row["platform"] == "cloud"
        }
    for row in rows(tables(section("mappings.md", "Spilling"))[0]):
        for model in row.pop("model").split(", "):
            for lengths, share in row.items():
                for length in lengths.split(", "):
                    assert spilled[model, length] == pytest.approx(float(share), rel=2e-3, abs=0)


def test_the_cycles_of_the_worked_schedule_are_the_engines() -> None:
    page = section("accounting.md", "Times")
    header, cycles = tables(page)[1]
    result = evaluate("binding", Workload(TRANSFORMERS["BERT"], 1024))
    ours = {name: each.busy_s[0] * 940e6 for name, each in result.einsums.items()}
    assert ours == pytest.approx(dict(zip(header, map(float, cycles), strict=True)), rel=1e-12)
    total = re.search(r"= ([\d,]+) cycles", page)
    assert total is not None
    assert result.metrics["latency_s"][0] == pytest.approx(number(total[1]) / 940e6, rel=1e-12)


def _effects(printed: str) -> list[str]:
    """Lines of the table of corrections in a text, without indentation."""
    lines = [line.strip() for line in printed.split("\n")]
    first = next(i for i, line in enumerate(lines) if line.startswith("accounting  speedup"))
    return lines[first : next(i for i in range(first, len(lines)) if not lines[i][:1].isalnum())]


def test_the_effects_of_the_corrections_are_what_dse_reproduce_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "--accounting", "corrected", "--out", str(tmp_path)]) == 0
    stated = _effects(section("corrections.md", "Effects"))
    printed = _effects(capsys.readouterr().out)
    assert printed[: len(stated)] == stated
    assert len(stated) == 1 + len(("published", "corrected")) + 8


@pytest.mark.parametrize("table", [0, 1])
def test_the_energies_under_each_correction_are_what_is_evaluated(table: int) -> None:
    for row in rows(tables(section("corrections.md", "Effects"))[table]):
        accounting = row.pop("accounting")
        ours = {
            name: evaluate(CONFIGURATIONS.get(name, name), BERT_256K, accounting).metrics[
                "energy_pj"
            ][0]
            for name in row
        }
        assert ours == pytest.approx({k: float(v) for k, v in row.items()}, rel=5e-10), accounting


def test_the_overflow_costs_what_the_table_of_q5_says() -> None:
    for names, models, *shares in tables(section("corrections.md", "Q5"))[0][1:]:
        name = CONFIGURATIONS[names.split(", ")[-1]]
        for model in models.split(", "):
            workloads = [Workload(TRANSFORMERS[model], length) for length in SEQ_LENS[3:]]
            over = [
                100
                * (
                    evaluate(name, workload).metrics["energy_pj"][0]
                    / evaluate(name, workload, "Q5").metrics["energy_pj"][0]
                    - 1
                )
                for workload in workloads
            ]
            assert over == pytest.approx([float(share) for share in shares], abs=5.01e-4)


def test_the_register_files_under_q2_are_what_is_charged() -> None:
    for depth, *stated in tables(section("corrections.md", "Q2"))[0][1:]:
        files = [register_file([int(depth)], scaled=scaled) for scaled in (False, True)]
        ours = [v[0] for each in files for v in (each.read_pj, each.write_pj, each.area_um2)]
        for value, cell in zip(ours, stated, strict=True):
            assert f"{value:.{len(cell.partition('.')[2])}f}" == cell


def test_the_prices_of_components_are_what_is_charged() -> None:
    storage, units = tables(section("components.md", "Values"))
    priced: dict[str, list[float]] = {"DRAM, 64 bit": [dram.ENERGY_PJ, dram.ENERGY_PJ, 0]}
    for mib in (16, 32):
        row = sram([mib * MIB // 512], [4096])
        name = f"L3, {mib} MiB, a row of 256 words"
        priced[name] = [row.read_pj[0], row.write_pj[0], row.area_um2[0]]
    for depth in (4, 12, 16, 32):
        file = register_file([depth], scaled=False)
        name = f"register file, {depth} rows"
        priced[name] = [file.read_pj[0], file.write_pj[0], file.area_um2[0]]
    assert list(priced) == [name for name, *_ in storage[1:]]
    for name, *stated in storage[1:]:
        assert priced[name] == pytest.approx([float(cell) for cell in stated], rel=1e-14), name
    assert {name: (float(pj), float(area)) for name, pj, area in units[1:]} == {
        name: (unit.energy_pj, unit.area_um2) for name, unit in arithmetic.units(16).items()
    }
