from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.figure_data import paper_values
from analysis.figure_files import PNG_DPI
from analysis.figures import draw_figure, draw_figures
from evaluators.errors import InputError

NAMES = ["6a", "6b", "7", "8", "9", "10", "11", "12"]
BAR_CHARTS = ["6a", "6b", "8", "9", "10", "11"]
FILES = [f"fig{name}.{suffix}" for name in NAMES for suffix in ("pdf", "png")]
OKABE_ITO = {
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7",
}  # fmt: skip


# Machado, Oliveira and Fernandes 2009, table 1 at severity 1, on linear light.
COLOUR_BLIND = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return paper_values()


@pytest.fixture(scope="module")
def folder(data: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    assert draw_figures(data, folder) == [folder / name for name in FILES]
    return folder


def drawn_axes(data: pd.DataFrame, name: str) -> Axes:
    (axes,) = draw_figure(data, name).axes
    return axes


def drawn_bars(axes: Axes) -> pd.DataFrame:
    """Left edge, bottom, height and label of every bar, from left to right, bottom to top."""
    bars = []
    for collection in axes.collections:
        for path in collection.get_paths():
            (left, bottom), (_, top) = path.get_extents().get_points()
            bars.append((left, bottom, top - bottom, collection.get_label()))
    table = pd.DataFrame(bars, columns=["left", "bottom", "height", "label"])
    return table.sort_values(["left", "bottom"], ignore_index=True)


def rows_of(data: pd.DataFrame, name: str) -> pd.DataFrame:
    return data[data["figure"] == name]


def legend_texts(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_folder_holds_the_sixteen_files_and_nothing_else(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_whole(folder: Path, name: str) -> None:
    png = (folder / f"fig{name}.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    pdf = (folder / f"fig{name}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.endswith(b"%%EOF\n")


@pytest.mark.parametrize("name", NAMES)
def test_pdf_embeds_truetype_fonts(folder: Path, name: str) -> None:
    pdf = (folder / f"fig{name}.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf


def test_same_table_gives_the_same_bytes_at_any_time_over_any_file(
    data: pd.DataFrame, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    (tmp_path / "fig7.png").write_bytes(b"old")
    draw_figures(data, tmp_path)
    different = [
        name for name in FILES if (tmp_path / name).read_bytes() != (folder / name).read_bytes()
    ]
    assert different == []


@pytest.mark.parametrize("name", BAR_CHARTS)
def test_bars_from_left_to_right_are_the_rows_of_the_table(data: pd.DataFrame, name: str) -> None:
    bars = drawn_bars(drawn_axes(data, name))
    np.testing.assert_allclose(bars["height"], rows_of(data, name)["value"], rtol=1e-12)
    assert (bars["bottom"] == 0).all()
    labels = ["Unfused", "FLAT", "+Cascade", "+Architecture", "+Binding"]
    assert bars["label"].tolist() == labels * 24


@pytest.mark.parametrize("name", BAR_CHARTS)
def test_bars_fit_in_the_axes(data: pd.DataFrame, name: str) -> None:
    axes = drawn_axes(data, name)
    bars = drawn_bars(axes)
    left, right = axes.get_xlim()
    assert left <= bars["left"].min()
    assert bars["left"].max() + 1 <= right
    assert bars["height"].max() < axes.get_ylim()[1] < 1.2 * bars["height"].max()


@pytest.mark.parametrize("name", BAR_CHARTS)
def test_bar_charts_name_models_lengths_and_configurations(data: pd.DataFrame, name: str) -> None:
    axes = drawn_axes(data, name)
    written = [text.get_text() for text in axes.texts]
    assert written[:4] == ["BERT", "TrXL", "T5", "XLM"]
    assert written[4:28] == ["1K", "4K", "16K", "64K", "256K", "1M"] * 4
    assert written[28:] == ["tokens", "model"]
    expected = ["Unfused", "FLAT", "FuseMax:", "+Cascade", "+Architecture", "+Binding"]
    assert legend_texts(axes) == expected


@pytest.mark.parametrize("name", BAR_CHARTS)
def test_every_group_of_bars_stands_over_its_length(data: pd.DataFrame, name: str) -> None:
    axes = drawn_axes(data, name)
    groups = drawn_bars(axes)["left"].to_numpy().reshape(24, 5)
    centres = (groups[:, 0] + groups[:, -1] + 1) / 2
    stands = [text.get_position()[0] for text in axes.texts[4:28]]
    np.testing.assert_allclose(stands, centres, atol=0.05)


@pytest.mark.parametrize("name", BAR_CHARTS)
def test_groups_are_apart_and_models_further(data: pd.DataFrame, name: str) -> None:
    bars = drawn_bars(drawn_axes(data, name))["left"].to_numpy().reshape(4, 6, 5)
    between_groups = np.diff(bars[..., 0], axis=1) - (bars[:, :-1, -1] - bars[:, :-1, 0]) - 1
    between_models = np.diff(bars[:, 0, 0]) - (bars[:-1, -1, -1] - bars[:-1, 0, 0]) - 1
    assert between_groups.min() > 1
    assert between_models.min() > 3 * between_groups.max() - 1


@pytest.mark.parametrize("name", ["8", "9", "10", "11"])
def test_a_line_marks_unfused_to_which_the_bars_are_relative(data: pd.DataFrame, name: str) -> None:
    axes = drawn_axes(data, name)
    assert axes.get_ylabel().endswith("\nrelative to unfused")
    lines = [line for line in axes.lines if line.get_transform() != axes.get_xaxis_transform()]
    assert [list(np.asarray(line.get_ydata())) for line in lines if line.get_clip_on()] == [[1, 1]]
    bars = drawn_bars(axes)
    np.testing.assert_allclose(bars.loc[bars["label"] == "Unfused", "height"], 1)


def test_figure_7_stacks_the_einsums_without_gaps(data: pd.DataFrame) -> None:
    bars = drawn_bars(drawn_axes(data, "7"))
    np.testing.assert_allclose(bars["height"], rows_of(data, "7")["value"], rtol=1e-9)
    tops = (bars["bottom"] + bars["height"]).groupby(bars["left"]).shift(fill_value=0)
    np.testing.assert_allclose(bars["bottom"], tops, atol=1e-12)
    labels = ["QK", "SLNV/AV"] * 2 + ["QK", "LM", "SLN", "SLD", "SLNV/AV"] * 2
    assert bars["label"].tolist() == labels * 6


def test_figure_7_names_lengths_configurations_and_einsums(data: pd.DataFrame) -> None:
    axes = drawn_axes(data, "7")
    written = [text.get_text() for text in axes.texts]
    assert written[:6] == ["1K", "4K", "16K", "64K", "256K", "1M"]
    assert written[6:30] == ["FL", "+C", "+A", "+B"] * 6
    key = "FL: FLAT   +C: +Cascade   +A: +Architecture   +B: +Binding"
    assert written[30:] == ["", "tokens", key]
    assert legend_texts(axes) == ["QK", "LM", "SLN", "SLD", "SLNV/AV"]
    assert axes.get_ylim() == (0, 1)


def test_figure_12_draws_latency_against_area(data: pd.DataFrame) -> None:
    axes = drawn_axes(data, "12")
    rows = rows_of(data, "12")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [line.get_label() for line in axes.lines] == ["BERT", "TrXL", "T5", "XLM"]
    for line in axes.lines:
        points = rows[rows["model"] == line.get_label()]
        expected_x = points.loc[points["quantity"] == "area_cm2", "value"]
        expected_y = points.loc[points["quantity"] == "latency_s", "value"]
        np.testing.assert_array_equal(line.get_xdata(), expected_x)
        np.testing.assert_array_equal(line.get_ydata(), expected_y)


def test_lines_of_figure_12_differ_without_colour(data: pd.DataFrame) -> None:
    lines = drawn_axes(data, "12").lines
    assert len({line.get_marker() for line in lines}) == 4
    assert len({line.get_linestyle() for line in lines}) == 4


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("6a", "Utilization 1D"),
        ("6b", "Utilization 2D"),
        ("7", "Proportion Active\nof the 2D array's time, BERT"),
        ("8", "Speedup\nrelative to unfused"),
        ("9", "Energy Use\nrelative to unfused"),
        ("10", "End-to-end Speedup\nrelative to unfused"),
        ("11", "End-to-end Energy Use\nrelative to unfused"),
        ("12", "Attention Latency (s)"),
    ],
)
def test_vertical_axis_says_what_and_relative_to_what(
    data: pd.DataFrame, name: str, label: str
) -> None:
    assert drawn_axes(data, name).get_ylabel() == label


def bar_colours(axes: Axes) -> list[str]:
    return list(dict.fromkeys(to_hex(bars.get_facecolor()[0]) for bars in axes.collections))


def linear_light(colour: str) -> np.ndarray:
    """Red, green and blue of an sRGB colour in linear light (IEC 61966-2-1)."""
    coded = np.array(to_rgb(colour))
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear light, under D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    white = np.array([0.9505, 1, 1.089])
    ratio = to_xyz @ light / white
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("name", [*BAR_CHARTS, "7"])
def test_bars_differ_when_printed_in_grey_and_from_the_page(data: pd.DataFrame, name: str) -> None:
    colours = bar_colours(drawn_axes(data, name))
    assert len(colours) == 5
    lightness = sorted(lab(linear_light(colour))[0] for colour in colours)
    assert np.diff([*lightness, 100]).min() > 12


@pytest.mark.parametrize("kind", COLOUR_BLIND)
def test_bars_differ_for_the_colour_blind(data: pd.DataFrame, kind: str) -> None:
    seen = [
        lab(np.clip(COLOUR_BLIND[kind] @ linear_light(colour), 0, 1))
        for colour in bar_colours(drawn_axes(data, "8"))
    ]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 20


def test_colours_of_lines_are_those_of_okabe_and_ito(data: pd.DataFrame) -> None:
    colours = {to_hex(line.get_color()) for line in drawn_axes(data, "12").lines}
    assert len(colours) == 4
    assert colours <= OKABE_ITO


def visible_texts(figure: Figure) -> list[Text]:
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    texts = [*axes.texts, *legend.get_texts(), legend.get_title()]
    for axis in (axes.xaxis, axes.yaxis):
        lowest, highest = axis.get_view_interval()
        ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        if axis.get_visible():
            texts += [axis.label, *(text for at, text in ticks if lowest <= at <= highest)]
    return [text for text in texts if text.get_text()]


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_legible_inside_the_figure_and_apart(data: pd.DataFrame, name: str) -> None:
    figure = draw_figure(data, name)
    figure.set_dpi(PNG_DPI)
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= (3.5 if name == "12" else 7)
    texts = visible_texts(figure)
    assert min(float(text.get_fontsize()) for text in texts) >= 6
    extents = {text: text.get_window_extent() for text in texts}
    for text, extent in extents.items():
        assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width, text
        assert 0 <= extent.y0 < extent.y1 <= figure.bbox.height, text
    for (first, extent), (second, other) in combinations(extents.items(), 2):
        assert not extent.overlaps(other), (first, second)


def test_figure_without_rows_is_refused(data: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="no rows of figure 8"):
        draw_figure(data[data["figure"] != "8"], "8")


def test_failure_leaves_whole_files_only(data: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rows of figure 6b"):
        draw_figures(data[data["figure"] != "6b"], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fig6a.pdf", "fig6a.png"]


def test_file_that_cannot_be_replaced_leaves_nothing_behind(
    data: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "fig6a.pdf").mkdir()
    with pytest.raises(InputError, match=r"fig6a\.pdf: Is a directory"):
        draw_figures(data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fig6a.pdf"]
