import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import InputError
from search_spaces.space import SearchSpace, joint_space, space

SIDES = (8, 16, 32, 64, 128, 256, 512, 1024)
BINDING = space("binding", [12])
FLAT = space("flat", [64])
JOINT = joint_space([64])


def values(each: SearchSpace, name: str) -> tuple[int, ...]:
    return next(parameter.values for parameter in each.parameters if parameter.name == name)


@pytest.mark.parametrize(
    ("each", "name", "change", "expected"),
    [
        (BINDING, "array_rows", 64, (64,)),
        (BINDING, "array_rows", [256, 64, 64], (64, 256)),
        (BINDING, "array_rows", {"min": 64, "max": 256}, (64, 128, 256)),
        (BINDING, "array_rows", {"min": 100}, (128, 256, 512, 1024)),
        (BINDING, "array_rows", {"max": 16}, (8, 16)),
        (BINDING, "query_tiles", [6, 2, 0], (0, 2, 6)),
        (BINDING, "query_tiles", {"min": 1}, (1, 2, 3, 4, 6, 12)),
        (BINDING, "query_tiles", {"max": 3}, (1, 2, 3)),
        (BINDING, "pe_registers", [7, 10], (7, 10)),
        (BINDING, "lane_registers", 0, (0,)),
        (BINDING, "configuration", "binding", (4,)),
        (FLAT, "qk_stationarity", "weight", (1,)),
        (FLAT, "av_stationarity", ["input", "output"], (0, 2)),
        (FLAT, "keeps_q", 1, (1,)),
        (FLAT, "query_rows", {"min": 16}, (16, 32, 64)),
        (JOINT, "configuration", ["binding", "flat"], (1, 4)),
        (JOINT, "query_tiles", [1, 2], (1, 2)),
    ],
)
def test_an_override_sets_the_values(
    each: SearchSpace, name: str, change: object, expected: tuple[int, ...]
) -> None:
    changed = each.override({name: change})
    assert values(changed, name) == expected
    for parameter in each.parameters:
        if parameter.name != name:
            assert values(changed, parameter.name) == parameter.values


@given(st.sets(st.sampled_from(SIDES), min_size=1), st.sets(st.sampled_from(SIDES), min_size=1))
def test_sizes_follow_overrides(rows: set[int], cols: set[int]) -> None:
    few = BINDING.override({"array_rows": list(rows), "array_cols": list(cols)})
    assert few.size * 64 == BINDING.size * len(rows) * len(cols)


def test_an_override_replaces_an_earlier_one() -> None:
    assert BINDING.override({"array_rows": 64}).override({"array_rows": {"min": 8}}) == BINDING


def test_no_override_changes_nothing() -> None:
    assert BINDING.override({}) == BINDING


def test_a_joint_space_of_one_configuration_has_its_size() -> None:
    assert JOINT.override({"configuration": "flat"}).size == FLAT.size


SIDES_TEXT = "one of 8, 16, 32, 64, 128, 256, 512, 1024"
TILES_TEXT = "one of 0, 1, 2, 3, 4, 6, 12"
DEPTH_TEXT = "a positive integer, or 0 for automatic, 16777216 at most"


@pytest.mark.parametrize(
    ("each", "name", "change", "sentence"),
    [
        (BINDING, "array_rows", 48, f"array_rows 48: it must be {SIDES_TEXT}"),
        (BINDING, "array_rows", [64, 0], f"array_rows 0: it must be {SIDES_TEXT}"),
        (BINDING, "array_rows", -8, f"array_rows -8: it must be {SIDES_TEXT}"),
        (BINDING, "array_rows", 64.0, f"array_rows 64.0: it must be {SIDES_TEXT}"),
        (BINDING, "array_rows", "64", f"array_rows '64': it must be {SIDES_TEXT}"),
        (BINDING, "array_rows", True, f"array_rows True: it must be {SIDES_TEXT}"),
        (
            BINDING,
            "array_rows",
            [],
            f"array_rows: the list is empty; a value must be {SIDES_TEXT}",
        ),
        (
            BINDING,
            "array_rows",
            {"min": 65, "max": 127},
            f"array_rows: no value lies between 65 and 127; it must be {SIDES_TEXT}",
        ),
        (
            BINDING,
            "array_rows",
            {"max": 2048},
            "array_rows max 2048: it must be an integer from 8 to 1024",
        ),
        (
            BINDING,
            "array_rows",
            {"min": "8"},
            "array_rows min '8': it must be an integer from 8 to 1024",
        ),
        (
            BINDING,
            "array_rows",
            {"low": 8},
            "array_rows: a range has min, max or both, not low",
        ),
        (BINDING, "array_rows", {}, "array_rows: a range has min, max or both, not nothing"),
        (BINDING, "query_tiles", 5, f"query_tiles 5: it must be {TILES_TEXT}"),
        (BINDING, "pe_registers", [4, -1], f"pe_registers -1: it must be {DEPTH_TEXT}"),
        (BINDING, "pe_registers", 2**63, f"pe_registers {2**63}: it must be {DEPTH_TEXT}"),
        (
            BINDING,
            "pe_registers",
            {"min": 4, "max": 8},
            f"pe_registers: it has no range; list its values, each {DEPTH_TEXT}",
        ),
        (BINDING, "configuration", "flat", "configuration 'flat': it must be binding"),
        (
            BINDING,
            "keeps_q",
            1,
            "unknown parameter 'keeps_q'; known are configuration, array_rows, array_cols, "
            "vector_lanes, buffer_bytes, pe_registers, lane_registers, dram_bytes_per_s, clock_hz, "
            "word_bits, query_tiles",
        ),
        (FLAT, "query_rows", 3, "query_rows 3: it must be one of 1, 2, 4, 8, 16, 32, 64"),
        (
            FLAT,
            "qk_stationarity",
            1,
            "qk_stationarity 1: it must be one of output, weight, input",
        ),
        (
            FLAT,
            "qk_stationarity",
            {"min": 1},
            "qk_stationarity: it has no range; list its values, each one of output, weight, input",
        ),
        (FLAT, "keeps_q", True, "keeps_q True: it must be one of 0, 1"),
        (FLAT, "keeps_q", 2, "keeps_q 2: it must be one of 0, 1"),
        (
            JOINT,
            "configuration",
            "linear_flat",
            "configuration 'linear_flat': it must be one of unfused, flat, cascade, architecture, "
            "binding",
        ),
        (
            space("flat", [720_720]),
            "query_rows",
            17,
            "query_rows 17: it must be one of 240 values from 1 to 720720",
        ),
    ],
)
def test_a_bad_override_is_one_sentence(
    each: SearchSpace, name: str, change: object, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        each.override({name: change})
    assert str(caught.value) == sentence


def test_a_space_too_large_to_number() -> None:
    depths = list(range(1, 50_001))
    many_tiles = space("flat", [735_134_400])
    with pytest.raises(InputError, match=r"has 1\.2e\+19 designs, more than 2\^63 - 1; narrow a"):
        many_tiles.override({"pe_registers": depths, "lane_registers": depths})
