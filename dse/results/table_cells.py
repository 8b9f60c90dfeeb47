"""Cells of a table of designs: whole numbers and texts, the same from every format.

A column comes as an Arrow array; what is neither number nor text is refused with row and column.
Blank is a cell without a value, or with the empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evaluators.errors import InputError, shown
from evaluators.foreign import integer

BLANK = -1
"""A whole number that is not given."""

LARGEST = 2**63 - 1
"""The largest whole number of a table."""

_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?")
_DIGITS = re.compile(r"[0-9]+")
_LONGEST_NUMBER = 1000
_PLAIN = "^[0-9]{1,18}$"
_NO_CELL = {bool: "true or false", list: "a list", dict: "an object"}
_WANTED = "give a number or a text"

Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """Where some rows of a table stand.

    Attributes:
        table: what errors call it.
        first: the number of the first of the rows, from 1.

    """

    table: str
    first: int

    def error(self, row: int, sentence: object) -> InputError:
        """Return the error of one of the rows, counted from 0."""
        return InputError(f"{shown(self.table, 200)} row {self.first + row}: {sentence}")


@dataclass(frozen=True)
class Texts:
    """A column of texts.

    Attributes:
        known: the different texts, '' where blank.
        codes: the place of each row's text among them, shape (n,).

    """

    known: list[str]
    codes: NDArray[np.intp]

    def at(self, row: int) -> str:
        """Return the text of a row."""
        return self.known[int(self.codes[row])]


def column(values: Sequence[Any], name: str, place: Place) -> pa.Array:
    """Return values of Python (integers, texts, None) as a column.

    `InputError` names the first row that has neither a number nor a text.
    """
    kinds = set(map(type, values))
    for kind, called in _NO_CELL.items():
        if kind in kinds:
            row = next(row for row, value in enumerate(values) if type(value) is kind)
            raise place.error(row, f"{name} is {called}; {_WANTED}")
    if str not in kinds:
        try:
            return pa.array(values, pa.int64())
        except OverflowError:  # an integer beyond 64 bits: read as text
            pass
    return pa.array([None if each is None else _encodable(each) for each in values], pa.string())


def _encodable(value: str | int) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


def texts(column: pa.Array, name: str, place: Place) -> Texts:
    """Return a column as texts; `InputError` names the first row that has no text or number."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not _is_cell(kind) and column.null_count < len(column):
        row = int(np.argmax(np.asarray(column.is_valid())))
        raise place.error(row, f"{name} is of type {shown(kind)}; {_WANTED}")
    if not pa.types.is_dictionary(column.type):
        column = pc.cast(column, pa.string()).dictionary_encode()
    try:
        known = pc.cast(column.dictionary, pa.string()).to_pylist()
    except UnicodeDecodeError:
        raise place.error(0, f"{name}: this or a later cell is not UTF-8 text") from None
    codes = np.asarray(pc.fill_null(column.indices, -1)).astype(np.intp)
    used, codes = np.unique(codes, return_inverse=True)
    values = [(known[code] or "") if code >= 0 else "" for code in used.tolist()]
    return Texts(values, codes)


def _is_cell(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
        )
    )


def whole_numbers(
    column: pa.Array, name: str, place: Place, least: int, read: Callable[[str], int]
) -> Int64s:
    """Return a column of whole numbers, `BLANK` where blank.

    Args:
        column: numbers or texts.
        name: of the column.
        place: of its rows.
        least: the least number that is allowed, 0 or more; a smaller one is read as text.
        read: reads a text; its `InputError` becomes that of the first row with the text.

    """
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        try:
            exact = pc.cast(column, pa.int64())
        except pa.ArrowInvalid:  # a fraction, NaN, or beyond 64 bits: the text says which
            pass
        else:
            known = pc.fill_null(exact, LARGEST)
            if not len(known) or pc.min(known).as_py() >= least:
                return np.asarray(pc.fill_null(exact, BLANK))
    given = texts(column, name, place)
    values = _plain(given.known, least)
    wrong: dict[int, InputError] = {}
    for code in np.flatnonzero(values == BLANK).tolist():
        if given.known[code]:
            try:
                values[code] = read(given.known[code])
            except InputError as error:
                wrong[code] = error
    if wrong:
        row = int(np.argmax(np.isin(given.codes, list(wrong))))
        raise place.error(row, wrong[int(given.codes[row])])
    return values[given.codes]


def reals(
    column: pa.Array, name: str, place: Place, read: Callable[[str], float]
) -> NDArray[np.float64]:
    """Return a column of reals, NaN where blank; `read` as for `whole_numbers`."""
    given = texts(column, name, place)
    values = np.full(len(given.known), np.nan)
    for code, text in enumerate(given.known):
        try:
            values[code] = read(text) if text else np.nan
        except InputError as error:
            raise place.error(int(np.argmax(given.codes == code)), error) from None
    return values[given.codes]


def whole_number(text: str, name: str) -> int | None:
    """Read a whole number in decimal notation, as 1024, 1024.0 or 1e3, exactly; None for others.

    -1024 is -1024. `InputError` names a number beyond `LARGEST`.
    """
    if _DIGITS.fullmatch(text):
        number = integer(text, 0, LARGEST)
        if number is None:
            raise beyond(text, name)
        return number
    if len(text) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(text):
        return None
    value = Decimal(text)
    if value.adjusted() >= len(str(LARGEST)) or abs(value) > LARGEST:
        raise beyond(text, name)
    return int(value) if value == int(value) else None


def beyond(text: str, name: str) -> InputError:
    """Return the error of a whole number beyond `LARGEST`."""
    return InputError(f"{name} '{shown(text)}': it is beyond 64 bits; give at most {LARGEST}")


def _plain(given: list[str], least: int) -> Int64s:
    """Read the texts that are plain digits, at once; `BLANK` for all others."""
    column = pa.array(given, pa.string())
    plain = np.asarray(pc.match_substring_regex(column, _PLAIN))
    values = np.full(len(given), BLANK)
    values[plain] = np.asarray(pc.cast(column.filter(pa.array(plain)), pa.int64()))
    return np.where(values < least, BLANK, values)
