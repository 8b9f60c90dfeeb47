"""Energies and areas against the tables of docs/model/components.md and corrections.md."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.components import address, arithmetic, dram
from evaluators.components.register_file import register_file
from evaluators.components.sram import missing, sram

MIB = 2**20


@pytest.mark.parametrize(
    ("unit", "energy_pj", "area_um2"),
    [
        ("mac", 17.1645, 1545),
        ("add", 8.3395, 1030),
        ("max", 0.028036, 49.28944),
        ("exponential", 94.6475, 8240),
        ("divide", 36.251153, 23740.9375),
    ],
)
def test_functional_units(unit: str, energy_pj: float, area_um2: float) -> None:
    assert arithmetic.units(16)[unit].energy_pj == energy_pj
    assert arithmetic.units(16)[unit].area_um2 == pytest.approx(area_um2, rel=1e-14)


@pytest.mark.parametrize(
    ("depth", "read_pj", "write_pj", "area_um2"),
    [
        (4, 2.182395, 1.894395, 16814.30968),
        (12, 2.190435, 1.902435, 16837.57936),
        (16, 2.190435, 1.902435, 16837.57936),
        (32, 2.194455, 1.906455, 16849.2142),
    ],
)
def test_register_files_as_published(
    depth: int, read_pj: float, write_pj: float, area_um2: float
) -> None:
    file = register_file(depth, scaled=False)
    assert (file.read_pj, file.write_pj) == (read_pj, write_pj)
    assert file.area_um2 == pytest.approx(area_um2, rel=1e-14)


@pytest.mark.parametrize(
    ("depth", "read_pj", "write_pj"),
    [
        (4, 0.133351, 0.116787),
        (12, 0.310924, 0.271902),
        (16, 0.385026, 0.336188),
        (32, 0.653431, 0.569570),
    ],
)
def test_register_files_of_their_real_size(depth: int, read_pj: float, write_pj: float) -> None:
    file = register_file(depth, scaled=True)
    assert file.read_pj == pytest.approx(read_pj, abs=5e-7)
    assert file.write_pj == pytest.approx(write_pj, abs=5e-7)


def test_a_register_file_alone_is_one_of_a_column_to_the_last_bit() -> None:
    column = register_file(np.arange(1, 100), scaled=True)
    for depth in range(1, 100):
        assert register_file(depth, scaled=True).read_pj == column.read_pj[depth - 1]


def test_area_of_a_register_file_of_its_real_size() -> None:
    assert register_file(12, scaled=True).area_um2 == pytest.approx(1620.7, abs=0.05)


@pytest.mark.parametrize(
    ("buffer_bytes", "read_pj", "write_pj", "area_um2"),
    [
        (16 * MIB, 12512.760572, 15751.460572, 84201374.5226),
        (32 * MIB, 23854.664592, 27097.564592, 175717186.15744),
    ],
)
def test_global_buffers_of_the_paper(
    buffer_bytes: int, read_pj: float, write_pj: float, area_um2: float
) -> None:
    buffer = sram(buffer_bytes // 512, 4096)
    assert (buffer.read_pj, buffer.write_pj) == (read_pj, write_pj)
    assert buffer.area_um2 == pytest.approx(area_um2, rel=1e-14)


def test_a_buffer_below_64_rows_is_charged_as_64_with_its_own_address() -> None:
    small, least = sram(32, 16384), sram(64, 16384)
    adder_pj = {5: 0.02037462, 6: 0.02439434}
    assert small.read_pj - least.read_pj == pytest.approx(adder_pj[5] - adder_pj[6], abs=1.1e-6)


def test_every_buffer_of_the_default_domains_is_in_the_table() -> None:
    buffers = [2**k for k in range(16, 28)] + [3 * 2**k for k in range(15, 26)]
    sides = [2**k for k in range(3, 11)]
    words, sizes = np.meshgrid(sides, buffers)
    area_um2 = sram(sizes // (2 * words), 16 * words).area_um2
    assert area_um2.shape == (23, 8)
    assert np.isfinite(area_um2).all()
    assert (area_um2 > 0).all()


def test_a_size_outside_the_table_is_unknown_and_never_guessed() -> None:
    assert np.isnan(sram(1000, 4096).area_um2)
    assert sram([32768, 1000], 4096).read_pj[0] == 12512.760572


def test_an_unknown_size_names_both_ways_out() -> None:
    sentence = missing(1000, 4096)
    assert "1000 rows of 4096 bits" in sentence
    assert "2^k or 3*2^k bytes" in sentence
    assert "--sram cacti" in sentence
    assert "hwcomponents-cacti" in sentence


@pytest.mark.parametrize(
    ("depth", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (64, 6), (65, 7), (32768, 15)]
)
def test_address_bits(depth: int, bits: int) -> None:
    assert address.address_bits(depth) == bits


@pytest.mark.parametrize(
    ("bits", "energy_pj"),
    [
        (2, 0.008315472),
        (4, 0.01635491),
        (5, 0.02037462),
        (6, 0.02439434),
        (7, 0.02841406),
        (9, 0.03645349),
        (10, 0.04047321),
        (15, 0.0605718),
        (16, 0.06459151),
        (24, 0.09674925),
        (25, 0.100768966),
        (27, 0.108808397),
        (31, 0.12488726),
        (32, 0.128907),
    ],
)
def test_address_generators(bits: int, energy_pj: float) -> None:
    assert address.energy_pj(2**bits) == pytest.approx(energy_pj, rel=1e-6)
    assert address.area_um2(2**bits) == pytest.approx(5.81742 * bits, rel=1e-6)


def test_an_address_generator_wider_than_the_table_is_unknown() -> None:
    depths = np.array([2**32, 2**32 + 1, 2**62])
    assert np.isnan(address.energy_pj(depths)).tolist() == [False, True, True]
    assert np.isnan(address.area_um2(depths)).tolist() == [False, True, True]


def test_dram_access() -> None:
    assert pytest.approx(249.6, rel=1e-15) == dram.ENERGY_PJ
