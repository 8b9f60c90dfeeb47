"""Sizes counted by hand from the default domains (docs/model/designs.md#search-domains)."""

import pytest

from evaluators.errors import InputError
from search_spaces.space import joint_space, space

KIB = 1024
CHIP = 8 * 8 * 8 * 25
"""Sides and lanes of 8 to 1024; 12 powers of two from 64 KiB to 128 MiB, 11 of 3*2^k from 96 KiB to
96 MiB, and the 16 and 32 KiB of figure 12."""

FLAT = CHIP * 3 * 3 * 2**5
"""Two stationarities of three, five tensors to keep."""


@pytest.mark.parametrize(
    "name",
    ["unfused", "cascade", "architecture", "binding", "linear_flat", "linear_fusemax"],
)
def test_a_chip_without_binding(name: str) -> None:
    assert space(name, [256 * KIB]).size == CHIP == 12_800


def test_the_domains_alone_without_the_buffers_of_figure_12() -> None:
    within = space("binding", [256 * KIB]).override({"buffer_bytes": {"min": 64 * KIB}})
    assert within.size == 8 * 8 * 8 * 23 == 11_776


def test_flats_tiles_are_the_divisors_of_the_sequence() -> None:
    assert space("flat", [256 * KIB]).size == FLAT * 19
    assert space("flat", [12]).size == FLAT * 6


def test_a_suites_tiles_are_the_common_divisors() -> None:
    assert space("flat", [12, 18]).size == FLAT * 4
    assert space("flat", [64 * KIB, KIB, 4 * KIB]).size == FLAT * 11


def test_the_joint_space() -> None:
    assert joint_space([256 * KIB]).size == 4 * CHIP + FLAT * 19


def test_natural_values_and_their_order() -> None:
    parameters = {each.name: each for each in space("flat", [64]).parameters}
    assert parameters["array_rows"].values == (8, 16, 32, 64, 128, 256, 512, 1024)
    buffers = parameters["buffer_bytes"].values
    assert [each // KIB for each in buffers[:6]] == [16, 32, 64, 96, 128, 192]
    assert [each // KIB**2 for each in buffers[-3:]] == [64, 96, 128]
    assert parameters["query_rows"].values == (1, 2, 4, 8, 16, 32, 64)
    assert parameters["qk_stationarity"].labels == ("output", "weight", "input")
    choices = {name for name, each in parameters.items() if not each.ordered}
    stationarities = {"qk_stationarity", "av_stationarity"}
    keeps = {"keeps_q", "keeps_k", "keeps_qk", "keeps_v", "keeps_av"}
    assert choices == {"configuration"} | stationarities | keeps
    for each in parameters.values():
        assert list(each.values) == sorted(set(each.values))


def test_query_tiles_and_registers_follow_their_rules() -> None:
    for name in ("query_tiles", "pe_registers", "lane_registers"):
        values = {each.name: each.values for each in space("binding", [KIB]).parameters}[name]
        assert values == (0,)


def test_bad_input() -> None:
    with pytest.raises(
        InputError, match=r"unknown configuration 'fusemax'; .*known are architecture,"
    ):
        space("fusemax", [KIB])
    with pytest.raises(InputError, match=r"sequence lengths \[\]: give one or more positive"):
        space("flat", [])
    with pytest.raises(InputError, match=r"sequence lengths \[1024, 0\]: give one or more"):
        joint_space([KIB, 0])
