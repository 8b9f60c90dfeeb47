"""Quantities as people write them, against their definitions: IEC and SI prefixes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import InputError
from evaluators.quantities import UNITS, quantity, unit_of


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("262144", "", 262144),
        ("256K", "", 262144),
        ("1.5M", "", 1572864),
        ("16 MiB", "bytes", 16777216),
        ("16777216", "bytes", 16777216),
        (" 108 KiB ", "bytes", 110592),
        ("27.648 MB", "bytes", 27648000),
        ("512K", "bytes", 524288),
        ("400 GiB/s", "bytes_per_s", 429496729600),
        ("1.555 TB/s", "bytes_per_s", 1555000000000),
        ("614 GB/s", "bytes_per_s", 614000000000),
        ("4e11", "bytes_per_s", 400000000000),
        ("940 MHz", "hz", 940000000),
        ("1.5 GHz", "hz", 1500000000),
        ("940e6", "hz", 940000000),
        ("8 bit", "bits", 8),
    ],
)
def test_what_people_write(text: str, unit: str, value: int) -> None:
    read = quantity(text, unit)
    assert read == value
    assert isinstance(read, int)


def test_what_is_not_whole_is_the_nearest_real() -> None:
    assert quantity("0.3 KiB", "bytes") == 307.2
    assert quantity("0.1", "") == 0.1


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("16 MiB", "hz"),
        ("940 MHz", "bytes"),
        ("400 GiB", "bytes_per_s"),
        ("16 mib", "bytes"),
        ("16 MB", ""),
        ("-4", ""),
        ("1_000", ""),
        ("１６", ""),
        ("nan", "bytes"),
        ("inf", "hz"),
        ("", ""),
        ("MiB", "bytes"),
        ("0x10", ""),
        ("9223372036854775808", ""),
        ("1e99", "hz"),
        ("9" * 31, ""),
        ("16 MiB 16", "bytes"),
        ("1e-3", "hz"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(text: str, unit: str) -> None:
    with pytest.raises(InputError, match=r"write|below"):
        quantity(text, unit)


@given(st.integers(0, 2**62), st.sampled_from(UNITS))
def test_every_integer_is_read_as_it_stands(number: int, unit: str) -> None:
    assert quantity(str(number), unit) == number


@given(st.text(max_size=12), st.sampled_from(UNITS))
def test_no_text_ends_in_another_error(text: str, unit: str) -> None:
    with suppress(InputError):
        assert 0 <= quantity(text, unit) < 2**63


@pytest.mark.parametrize(
    ("parameter", "unit"),
    [
        ("buffer_bytes", "bytes"),
        ("dram_bytes_per_s", "bytes_per_s"),
        ("clock_hz", "hz"),
        ("word_bits", "bits"),
        ("array_rows", ""),
        ("khz", ""),
    ],
)
def test_the_unit_ends_a_parameters_name(parameter: str, unit: str) -> None:
    assert unit_of(parameter) == unit
