"""What comes from outside is bounded, typed, and shown on one line."""

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import LONGEST_SENTENCE, EvaluationError, InputError, shown
from evaluators.foreign import integer, read_text


@given(st.text(), st.integers(20, 200))
def test_foreign_text_is_one_printable_line_of_bounded_length(text: str, most: int) -> None:
    line = shown(text, most)
    assert line.isprintable()
    assert len(line) <= most
    if text.isprintable() and len(text) <= most:
        assert line == text


def test_control_characters_are_seen_not_obeyed() -> None:
    assert shown("a\x1b[31mb\nc\udcff") == r"a\x1b[31mb\nc\udcff"


@given(st.text(min_size=300))
def test_both_ends_of_a_long_text_are_shown(text: str) -> None:
    printable = "".join(each for each in text if each.isprintable())
    line = shown("head" + printable + "x" * 200 + "tail")
    assert line.startswith("head")
    assert line.endswith("tail")


@pytest.mark.parametrize("kind", [InputError, EvaluationError])
def test_every_error_is_one_sentence_of_bounded_length(kind: type[Exception]) -> None:
    error = kind("first\nsecond " + "x" * 10**6)
    assert str(error).isprintable()
    assert len(str(error)) == LONGEST_SENTENCE
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(b"\xef\xbb\xbfname = 1\n")
    assert read_text(file, "a study") == "name = 1\n"


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe is no regular file; name a study$"):
        read_text(tmp_path / "pipe", "a study")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("/dev/zero", "no regular file"), ("/", "Is a directory"), ("absent", "No such file")],
)
def test_what_is_no_file_is_refused(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_text(Path(name), "a study")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(InputError, match="1099511627776 bytes; a study may have 16777216 at most"):
        read_text(file, "a study")


def test_other_encodings_are_named(tmp_path: Path) -> None:
    file = tmp_path / "latin"
    file.write_bytes("name = 'é'".encode("latin-1"))
    with pytest.raises(InputError, match="byte 8 is not UTF-8"):
        read_text(file, "a study")


@given(st.integers(0, 2**70))
def test_integers_are_read_within_their_bounds(number: int) -> None:
    assert integer(str(number), 1, 2**62) == (number if 1 <= number <= 2**62 else None)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", "0x10", "٣", "1_000", " 1"])
def test_only_plain_digits_are_integers(text: str) -> None:
    assert integer(text, 0, 10**9) is None


def test_a_number_of_any_length_is_refused_at_once() -> None:
    assert integer("9" * 10**6, 0, 2**62) is None
    assert integer("0" * 10**6 + "7", 0, 2**62) == 7
