"""Words of 8, 16 and 32 bits, and tensors that are stored in fewer: closed forms.

Accelergy's tables were recorded with the programs that tests/data/README.md names, their width
attributes set to 8 and to 32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.components import arithmetic
from evaluators.components.register_file import register_file
from evaluators.components.sram import sram
from evaluators.describe.catalogue import described
from evaluators.describe.checks import problems
from evaluators.describe.reading import accelerator
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.errors import InputError
from evaluators.protocol import METRICS, Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

BERT = Workload(TRANSFORMERS["BERT"], 2**16)
PAIRS = 64 * 12
"""Sequences and heads of BERT."""
MIB = 2**20

NARROW = """
name = "narrow"
base = "{base}"
[parameters]
kv_bits = {{ default = 16, domain = [4, 8, 16], help = "bits of a stored word of K and V" }}
[bits]
K = "kv_bits"
V = "kv_bits"
"""


def narrow(folder: Path, base: str) -> str:
    file = folder / "narrow.toml"
    file.write_text(NARROW.format(base=base), encoding="utf-8")
    return str(file)


def evaluate(
    name: str,
    workload: Workload = BERT,
    accounting: Accounting = PUBLISHED,
    binding: dict[str, object] | None = None,
    **sizes: object,
) -> Evaluations:
    defaults = {"array_rows": 256, "array_cols": 256, "vector_lanes": 256, "buffer_bytes": 16 * MIB}
    designs = Designs.of(**(defaults | sizes | (binding or {})))  # type: ignore[arg-type]
    return AnalyticalEvaluator().evaluate(name, workload, designs, accounting, breakdown=True)


@pytest.mark.parametrize(
    ("word_bits", "unit", "energy_pj", "area_um2"),
    [
        (8, "max", 0.014123, 24.64472),
        (8, "add", 4.16975, 515.0),
        (8, "mac", 6.376, 643.75),
        (8, "exponential", 34.08625, 3347.5),
        (8, "divide", 4.531394, 2967.6171875),
        (32, "max", 0.05586, 98.57888),
        (32, "add", 16.679, 2060.0),
        (32, "mac", 51.979, 4120.0),
        (32, "exponential", 295.195, 22660.0),
        (32, "divide", 290.009221, 189927.5),
    ],
)
def test_units_are_accelergys(word_bits: int, unit: str, energy_pj: float, area_um2: float) -> None:
    ours = arithmetic.units(word_bits)[unit]
    assert ours.energy_pj == energy_pj
    assert ours.area_um2 == pytest.approx(area_um2, rel=1e-14)


@pytest.mark.parametrize(
    ("word_bits", "depth", "read_pj", "write_pj", "area_um2"),
    [
        (8, 12, 0.163639232628565, 0.144128503990692, 833.61936),
        (8, 32, 0.336902619458668, 0.294972210345803, 2157.0542),
        (32, 12, 0.605492200514259, 0.527449285962767, 3194.85936),
        (32, 32, 1.28648661783467, 1.118764981383213, 8453.6942),
    ],
)
def test_register_files_of_their_real_width_are_accelergys(
    word_bits: int, depth: int, read_pj: float, write_pj: float, area_um2: float
) -> None:
    file = register_file(depth, scaled=True, word_bits=word_bits)
    assert file.read_pj == pytest.approx(read_pj, rel=1e-14)
    assert file.write_pj == pytest.approx(write_pj, rel=1e-14)
    assert file.area_um2 == pytest.approx(area_um2, rel=1e-14)


@pytest.mark.parametrize("word_bits", arithmetic.WIDTHS)
def test_published_register_files_have_32_bits_whatever_the_word(word_bits: int) -> None:
    file = register_file(12, scaled=False, word_bits=word_bits)
    assert (file.read_pj, file.write_pj) == (2.190435, 1.902435)


@pytest.mark.parametrize("word_bits", [8, 32])
@pytest.mark.parametrize("name", ["binding", "cascade", "flat", "unfused", "linear_fusemax"])
def test_a_buffer_of_as_many_words_moves_as_many_words(name: str, word_bits: int) -> None:
    """Then loops, cycles and words are the same, and bytes are words * n/8."""
    small = Workload(Transformer("small", 2, 256, 32, 64, 3, 512), 1024)
    sides = {"array_rows": 32, "array_cols": 32, "vector_lanes": 32, "pe_registers": 64}
    sides |= {"lane_registers": 64}
    half_mib = MIB // 2
    as_16 = evaluate(name, small, buffer_bytes=half_mib, **sides)
    as_n = evaluate(
        name,
        small,
        buffer_bytes=half_mib * word_bits // 16,
        binding={"word_bits": word_bits},
        **sides,
    )
    assert as_16.feasible[0]
    assert as_n.feasible[0]
    metrics, others = as_n.metrics, as_16.metrics
    assert metrics["traffic_bytes"] == others["traffic_bytes"] * word_bits / 16
    assert metrics["memory_latency_s"] == pytest.approx(
        others["memory_latency_s"] * word_bits / 16, rel=1e-15
    )
    for same in ("compute_2d_s", "compute_1d_s"):
        assert metrics[same] == others[same]


def test_energy_follows_the_prices_of_its_width() -> None:
    """What 8 bits save is told Einsum by Einsum: LM is a max a score, from registers to registers.

    Its registers cost the same under the published accounting, so that the rest is the unit.
    """
    sizes = {"buffer_bytes": 8 * MIB, "pe_registers": 12, "lane_registers": 32}
    narrow_, wide = (
        evaluate("binding", binding={"word_bits": n}, **(sizes | {"buffer_bytes": n * MIB}))
        for n in (8, 16)
    )
    scores = PAIRS * 2**32
    saved = wide.einsums["LM"].energy_pj - narrow_.einsums["LM"].energy_pj
    assert saved == pytest.approx(scores * (0.028036 - 0.014123), rel=1e-6)
    # AV leaves the chip once, by 3.9 pJ a bit, and is divided once; RNV, and RD once for its 64
    # positions, are read by rows.
    words = PAIRS * 2**16 * 64
    rows = words * (1 + 1 / 64) / 256
    buffers = [sram(32768, width) for width in (4096, 2048)]
    expected = words * (8 * 3.9 + 36.251153 - 4.531394)
    expected += rows * float(buffers[0].read_pj - buffers[1].read_pj)
    saved = wide.einsums["AV"].energy_pj - narrow_.einsums["AV"].energy_pj
    assert saved == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=["published", "corrected"])
def test_a_column_of_widths_is_its_designs_one_by_one(accounting: Accounting) -> None:
    widths = np.array([16, 8, 32, 8, 16])
    for name in ("binding", "cascade"):
        batch = evaluate(name, accounting=accounting, binding={"word_bits": widths})
        for place, width in enumerate(widths.tolist()):
            alone = evaluate(name, accounting=accounting, binding={"word_bits": width})
            for metric in METRICS:
                np.testing.assert_array_equal(
                    batch.metrics[metric][place], alone.metrics[metric][0]
                )


@pytest.mark.parametrize("name", ["flat", "unfused", "linear_flat"])
def test_a_mapper_is_asked_for_each_width(name: str) -> None:
    """Designs that differ in the width alone fit other tiles."""
    small = Workload(Transformer("small", 2, 256, 32, 64, 3, 512), 4096)
    sizes = {"array_rows": 32, "array_cols": 32, "vector_lanes": 32, "buffer_bytes": 262144}
    both = evaluate(name, small, binding={"word_bits": np.array([8, 32])}, **sizes)
    for place, width in enumerate((8, 32)):
        alone = evaluate(name, small, binding={"word_bits": width}, **sizes)
        assert alone.feasible[0]
        for metric in METRICS:
            np.testing.assert_array_equal(both.metrics[metric][place], alone.metrics[metric][0])


@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=["published", "corrected"])
@pytest.mark.parametrize("base", ["binding", "cascade", "flat", "unfused"])
def test_words_of_16_bits_are_bit_equal_however_they_are_said(
    tmp_path: Path, base: str, accounting: Accounting
) -> None:
    small = Workload(Transformer("small", 2, 256, 32, 64, 3, 512), 1024)
    sizes = {"array_rows": 32, "array_cols": 32, "vector_lanes": 32, "buffer_bytes": MIB // 8}
    plain = evaluate(base, small, accounting, **sizes)
    said = evaluate(narrow(tmp_path, base), small, accounting, **sizes)
    for metric in METRICS:
        np.testing.assert_array_equal(said.metrics[metric], plain.metrics[metric])


@pytest.mark.parametrize("bits", [4, 8])
def test_narrow_keys_and_values_by_hand(tmp_path: Path, bits: int) -> None:
    """+Binding reads K and V once a tile of 8 * 256 queries; Q and AV pass once."""
    name = narrow(tmp_path, "binding")
    tiles = {"query_tiles": 8}
    wide = evaluate(name, **tiles)
    thin = evaluate(name, binding={"kv_bits": bits}, **tiles)
    keys = PAIRS * 2**16 * 64
    passes = 2**16 // (8 * 256)
    queries = 2 * keys
    assert wide.metrics["traffic_bytes"] == 2 * (queries + 2 * keys * passes)
    assert thin.metrics["traffic_bytes"] == 2 * queries + 2 * keys * passes * bits // 8
    assert thin.metrics["compute_2d_s"] == wide.metrics["compute_2d_s"]
    # K is written to the buffer once a pass and read for each of the 8 tiles, by rows of 256 words.
    buffer = sram(32768, 4096)
    saved = keys * passes * (16 - bits) * 3.9
    rows = keys * passes / 256 * (16 - bits) / 16
    saved += rows * float(buffer.write_pj + 8 * buffer.read_pj)
    for einsum in ("QK", "SLNV"):
        found = wide.einsums[einsum].energy_pj - thin.einsums[einsum].energy_pj
        assert found == pytest.approx(saved, rel=1e-9), einsum


def test_narrow_tiles_leave_room_for_queries(tmp_path: Path) -> None:
    """A chunk of K and of V has 256 keys of 64 words: 4 bits free 49,152 of 65,536 bytes."""
    name = narrow(tmp_path, "binding")
    least = {}
    for bits in (16, 4):
        short = evaluate(name, query_tiles=8, buffer_bytes=65536, binding={"kv_bits": bits})
        least[bits] = int(short.violations["buffer_short_bytes"][0]) + 65536
    assert least[16] - least[4] == 49152


def test_a_footprint_is_whole_bytes(tmp_path: Path) -> None:
    """One key of 3 words of 4 bits takes 2 bytes, not 1.5; of 16 bits 6."""
    tiny = Workload(Transformer("tiny", 1, 3, 3, 4, 1, 4), 2)
    sizes = {"array_rows": 1, "array_cols": 1, "vector_lanes": 1, "query_tiles": 1}
    name = narrow(tmp_path, "binding")
    wide, thin = (
        evaluate(name, tiny, buffer_bytes=2, binding={"kv_bits": bits}, **sizes).violations[
            "buffer_short_bytes"
        ][0]
        for bits in (16, 4)
    )
    assert wide - thin == (6 - 2) + (8 - 2)


def test_a_width_that_nothing_prices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="word_bits 24: the component tables have 8, 16, 32 bits"):
        evaluate("binding", binding={"word_bits": 24})
    with pytest.raises(InputError, match="bits of K: 'kv_bits' is 65; words are stored in 1 to 64"):
        evaluate(narrow(tmp_path, "binding"), binding={"kv_bits": 65})


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('[bits]\nQK = "8"\n', "bits.QK: the workload has no such tensor; it has K, Q, V"),
        ('[bits]\nK = "nothing"\n', "bits.K: 'nothing' reads nothing, which is nothing"),
        ("[parameters]\nword_bits = { default = 12 }\n", "word_bits: 12; the component tables"),
        (
            "[parameters]\nword_bits = { default = 8, domain = [8, 64] }\n",
            "word_bits: 64; the component tables",
        ),
    ],
)
def test_check_finds_widths_that_cannot_be(tmp_path: Path, added: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(f'name = "wrong"\nbase = "binding"\n{added}', encoding="utf-8")
    (found,) = problems(accelerator(str(file)))
    assert said in found


def test_a_machine_says_its_width(tmp_path: Path) -> None:
    (tmp_path / "int8.toml").write_text(
        'name = "int8"\nbase = "fusemax"\n[parameters]\nword_bits = { default = 8 }\n',
        encoding="utf-8",
    )
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nbase = "binding"\nmachine = "./int8.toml"\n', encoding="utf-8")
    assert described(str(file)).all_parameters["word_bits"].default == 8
    given = evaluate("binding", binding={"word_bits": 8})
    own = evaluate(str(file))
    for metric in METRICS:
        np.testing.assert_array_equal(own.metrics[metric], given.metrics[metric])


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ('kind = "DRAM"\nbytes_per_s = "dram_bytes_per_s"', "bytes_per_s is missing"),
        ('row_words = "8"', "row_words is missing"),
        ('[stores.L3]\nkind = "SRAM"\nbytes = "65536"\nrow_words = "8"', "write DRAM first"),
    ],
)
def test_a_machine_lacks_no_store(tmp_path: Path, removed: str, said: str) -> None:
    whole = """
name = "chip"
[parameters]
dram_bytes_per_s = { default = "1 GB/s", real = true }
[stores.DRAM]
kind = "DRAM"
bytes_per_s = "dram_bytes_per_s"
[stores.L3]
kind = "SRAM"
bytes = "65536"
row_words = "8"
[arrays.pe]
sides = ["8"]
registers = "8"
units = ["mac"]
"""
    kept = 'kind = "DRAM"' if removed.startswith('kind = "DRAM"') else ""
    (tmp_path / "chip.toml").write_text(whole.replace(removed, kept), encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nbase = "binding"\nmachine = "./chip.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match=said):
        accelerator(str(file))
