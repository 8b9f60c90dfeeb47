from pathlib import Path

import pandas as pd
import pytest

from analysis.figure_data import COLUMNS, figure_data, paper_values

ATTENTION = {
    "unfused": "attn-unfused.csv",
    "flat": "attn-flat.csv",
    "cascade": "attn-cascade.csv",
    "architecture": "attn-arch.csv",
    "binding": "attn-binding.csv",
}
LINEAR = {"linear_flat": "end2end-flat.csv", "linear_fusemax": "end2end-proposal.csv"}
LINEAR_OF = {
    "unfused": "linear_flat",
    "flat": "linear_flat",
    "cascade": "linear_flat",
    "architecture": "linear_fusemax",
    "binding": "linear_fusemax",
}
MODELS = ["BERT", "TrXL", "T5", "XLM"]
TOKENS = {"1K": 1024, "4K": 4096, "16K": 16384, "64K": 65536, "256K": 262144, "1M": 1048576}
BY_POINT = ["model", "seq_len", "configuration"]

Frames = tuple[pd.DataFrame, pd.DataFrame]


def read_published(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, index_col=False)
    if "seq_len" in table:
        table["seq_len"] = table["seq_len"].map(TOKENS)
    units = {"latency": "latency_s", "energy": "energy_pj", "area": "area_um2"}
    return table.rename(columns={**units, "PE_dim": "array_rows"})


@pytest.fixture(scope="module")
def published(tables: Path) -> Frames:
    """The tables in the form of the project's results."""
    attention = {name: read_published(tables / file) for name, file in ATTENTION.items()}
    linear = {name: read_published(tables / file) for name, file in LINEAR.items()}
    pareto = read_published(tables / "pareto.csv")
    evaluations = [
        table.assign(study=study, configuration=name, array_rows=256)
        for study, tables in {"attention": attention, "inference": linear}.items()
        for name, table in tables.items()
    ]
    evaluations.append(pareto.assign(study="pareto", configuration="binding", seq_len=262144))
    breakdown = [
        table[["model", "seq_len"]].assign(
            study="attention",
            configuration=name,
            einsum=einsum,
            array="2d",
            active_fraction=table[einsum],
        )
        for name, table in attention.items()
        for einsum in ("QK", "LM", "SLN", "SLD", "SLNV", "AV")
        if einsum in table
    ]
    return pd.concat(evaluations, ignore_index=True), pd.concat(breakdown, ignore_index=True)


@pytest.fixture
def invented() -> Frames:
    """Round numbers, the same at every point, from which every ratio is plain."""
    latency = {"unfused": 12, "flat": 6, "cascade": 8, "architecture": 4, "binding": 2}
    energy = {"unfused": 10, "flat": 8, "cascade": 6, "architecture": 4, "binding": 4}
    linear_latency = {"linear_flat": 4, "linear_fusemax": 2}
    linear_energy = {"linear_flat": 10, "linear_fusemax": 6}
    attention: list[tuple[object, ...]] = [
        ("attention", name, model, seq_len, 256, latency[name], energy[name], 0.25, 0.75, None)
        for name in latency
        for model in MODELS
        for seq_len in TOKENS.values()
    ]
    linear: list[tuple[object, ...]] = [
        ("inference", name, model, seq_len, 256, latency_s, linear_energy[name], 0.5, 0.5, None)
        for name, latency_s in linear_latency.items()
        for model in MODELS
        for seq_len in TOKENS.values()
    ]
    pareto: list[tuple[object, ...]] = [
        ("pareto", "binding", model, 262144, rows, 1e6 / rows, 1.0, 1.0, 1.0, 1e8 * rows)
        for model in MODELS
        for rows in (16, 32, 64, 128, 256, 512)
    ]
    columns = ["study", "configuration", "model", "seq_len", "array_rows", "latency_s"]
    columns += ["energy_pj", "util_1d", "util_2d", "area_um2"]
    einsums = {
        "flat": ["QK", "AV"],
        "cascade": ["QK", "SLNV"],
        "architecture": ["QK", "LM", "SLN", "SLD", "SLNV"],
        "binding": ["QK", "LM", "SLN", "SLD", "SLNV"],
    }
    active = [
        ("attention", name, model, seq_len, einsum, "2d", 0.125)
        for name, names in einsums.items()
        for model in MODELS
        for seq_len in TOKENS.values()
        for einsum in names
    ]
    breakdown_columns = ["study", "configuration", "model", "seq_len", "einsum", "array"]
    return (
        pd.DataFrame(attention + linear + pareto, columns=columns),
        pd.DataFrame(active, columns=[*breakdown_columns, "active_fraction"]),
    )


def values(data: pd.DataFrame, figure: str) -> pd.Series:
    return data[data["figure"] == figure].set_index(BY_POINT)["value"]


def mean_ratio(data: pd.DataFrame, figure: str) -> float:
    """Mean of +Binding over FLAT at the 24 points of a figure."""
    by_configuration = values(data, figure).unstack("configuration")  # noqa: PD010
    assert len(by_configuration) == 24
    return float((by_configuration["binding"] / by_configuration["flat"]).mean())


HEADLINES = [("8", 6.7226), ("9", 0.7875), ("10", 5.3017), ("11", 0.8335)]


@pytest.mark.parametrize(("figure", "headline"), HEADLINES)
def test_published_tables_give_the_headline_means(
    published: Frames, figure: str, headline: float
) -> None:
    assert mean_ratio(figure_data(*published), figure) == pytest.approx(headline, abs=5e-5)


@pytest.mark.parametrize(("figure", "headline"), HEADLINES)
def test_paper_values_give_the_headline_means(figure: str, headline: float) -> None:
    assert mean_ratio(paper_values(), figure) == pytest.approx(headline, rel=5e-4)


def test_paper_values_are_the_published_ones_to_four_digits(published: Frames) -> None:
    exact = figure_data(*published)
    rounded = exact.assign(value=[float(f"{value:.4g}") for value in exact["value"]])
    pd.testing.assert_frame_equal(paper_values(), rounded, check_exact=True)


@pytest.mark.parametrize(("figure", "column"), [("6a", "util_1d"), ("6b", "util_2d")])
def test_figure_6_shows_the_published_utilization(
    published: Frames, tables: Path, figure: str, column: str
) -> None:
    shown = values(figure_data(*published), figure)
    for configuration, file in ATTENTION.items():
        for row in read_published(tables / file).to_dict("records"):
            assert shown[row["model"], row["seq_len"], configuration] == row[column]


def test_figure_7_stacks_the_published_activity_of_bert(published: Frames, tables: Path) -> None:
    data = figure_data(*published)
    shown = data[data["figure"] == "7"].set_index([*BY_POINT, "quantity"])["value"]
    expected = {
        (row["model"], row["seq_len"], configuration, f"active_{einsum}"): row[einsum]
        for configuration, file in ATTENTION.items()
        for row in read_published(tables / file).to_dict("records")
        for einsum in row.keys() & {"QK", "LM", "SLN", "SLD", "SLNV", "AV"}
        if row["model"] == "BERT"
    }
    assert shown.to_dict() == expected


@pytest.mark.parametrize("figure", ["8", "10"])
def test_speedup_is_unfused_latency_over_latency(
    published: Frames, tables: Path, figure: str
) -> None:
    shown = values(figure_data(*published), figure)
    total = totals(tables, "latency_s", with_linear_layers=figure == "10")
    expected = {point: total[*point[:2], "unfused"] / latency for point, latency in total.items()}
    assert shown.to_dict() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("figure", ["9", "11"])
def test_energy_use_is_energy_over_unfused_energy(
    published: Frames, tables: Path, figure: str
) -> None:
    shown = values(figure_data(*published), figure)
    total = totals(tables, "energy_pj", with_linear_layers=figure == "11")
    expected = {point: energy / total[*point[:2], "unfused"] for point, energy in total.items()}
    assert shown.to_dict() == pytest.approx(expected, rel=1e-14)


def totals(
    tables: Path, column: str, *, with_linear_layers: bool
) -> dict[tuple[str, int, str], float]:
    total = {}
    for configuration, file in ATTENTION.items():
        attention = read_published(tables / file)
        linear = read_published(tables / LINEAR[LINEAR_OF[configuration]])
        for row, linear_row in zip(
            attention.to_dict("records"), linear.to_dict("records"), strict=True
        ):
            point = (row["model"], row["seq_len"], configuration)
            total[point] = row[column] + with_linear_layers * linear_row[column]
    return total


def test_figure_12_shows_the_published_areas_and_latencies(published: Frames, tables: Path) -> None:
    data = figure_data(*published)
    shown = data[data["figure"] == "12"].set_index(["model", "array_rows", "quantity"])["value"]
    expected = {}
    for row in read_published(tables / "pareto.csv").to_dict("records"):
        point = (row["model"], row["array_rows"])
        expected[*point, "area_cm2"] = row["area_um2"] / 1e8
        expected[*point, "latency_s"] = row["latency_s"]
    assert shown.to_dict() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("6a", [0.25, 0.25, 0.25, 0.25, 0.25]),
        ("6b", [0.75, 0.75, 0.75, 0.75, 0.75]),
        ("8", [1, 2, 1.5, 3, 6]),
        ("9", [1, 0.8, 0.6, 0.4, 0.4]),
        ("10", [1, 16 / 10, 16 / 12, 16 / 6, 16 / 4]),
        ("11", [1, 18 / 20, 16 / 20, 10 / 20, 10 / 20]),
    ],
)
def test_round_numbers_give_the_ratios_done_by_hand(
    invented: Frames, figure: str, expected: list[float]
) -> None:
    data = figure_data(*invented)
    data = data[data["figure"] == figure]
    assert data["value"].tolist() == pytest.approx(expected * 24)
    assert data["configuration"].tolist() == list(ATTENTION) * 24
    assert data["seq_len"].tolist() == [x for x in TOKENS.values() for _ in ATTENTION] * 4
    assert data["model"].tolist() == [model for model in MODELS for _ in range(30)]


def test_figure_12_converts_square_micrometres(invented: Frames) -> None:
    data = figure_data(*invented)
    data = data[(data["figure"] == "12") & (data["model"] == "T5")]
    assert data["quantity"].tolist() == ["area_cm2", "latency_s"] * 6
    assert data["value"].tolist()[:4] == [16, 62500, 32, 31250]


def test_table_has_every_value_of_every_figure_once(invented: Frames) -> None:
    data = figure_data(*invented)
    assert list(data.columns) == COLUMNS
    counts = data.groupby("figure", sort=False).size().to_dict()
    bars = 5 * 24
    assert list(counts.items()) == [
        ("6a", bars), ("6b", bars), ("7", 6 * (2 + 2 + 5 + 5)), ("8", bars), ("9", bars),
        ("10", bars), ("11", bars), ("12", 2 * 24),
    ]  # fmt: skip
    assert not data.drop(columns="value").duplicated().any()


def test_order_of_the_results_does_not_matter(invented: Frames) -> None:
    shuffled = [frame.sample(frac=1, random_state=7) for frame in invented]
    pd.testing.assert_frame_equal(figure_data(*shuffled), figure_data(*invented))


@pytest.mark.parametrize(
    "key",
    [
        {"study": "attention", "model": "XLM", "seq_len": 1048576, "configuration": "cascade"},
        {"study": "inference", "model": "T5", "seq_len": 4096, "configuration": "linear_fusemax"},
        {"study": "pareto", "model": "BERT", "array_rows": 512},
    ],
)
def test_missing_evaluation_is_named(invented: Frames, key: dict[str, object]) -> None:
    evaluations, breakdown = invented
    lost = (evaluations[list(key)] == pd.Series(key)).all(axis=1)
    assert lost.sum() == 1
    with pytest.raises(ValueError, match="evaluations: the figures need a value for") as error:
        figure_data(evaluations[~lost], breakdown)
    for level, value in key.items():
        assert f"{level}={value}" in str(error.value)


def test_missing_einsum_is_named(invented: Frames) -> None:
    evaluations, breakdown = invented
    with pytest.raises(ValueError, match=r"einsum=SLD; .* and 9 more\.$"):
        figure_data(evaluations, breakdown[breakdown["einsum"] != "SLD"])


def test_absent_value_counts_as_missing(invented: Frames) -> None:
    evaluations, breakdown = invented
    evaluations.loc[evaluations["configuration"] == "flat", "energy_pj"] = float("nan")
    with pytest.raises(ValueError, match="configuration=flat"):
        figure_data(evaluations, breakdown)


def test_two_accountings_at_once_are_refused(invented: Frames) -> None:
    evaluations, breakdown = invented
    with pytest.raises(ValueError, match="one row, not more, for study=attention"):
        figure_data(pd.concat([evaluations, evaluations]), breakdown)


def test_rows_that_no_figure_shows_are_ignored(invented: Frames) -> None:
    evaluations, breakdown = invented
    with_other = pd.concat([evaluations, evaluations[:1].assign(model="GPT")])
    pd.testing.assert_frame_equal(
        figure_data(with_other, breakdown), figure_data(evaluations, breakdown)
    )
