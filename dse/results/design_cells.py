"""Cells of a table of designs as values of parameters, and as tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.results import table_cells
from dse.results.table_cells import BLANK, Place, Texts, whole_number
from dse.results.table_files import Chunk
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.open_binding import AUTO
from evaluators.describe.parameters import BEST, MAPPER, Parameter
from evaluators.design import AUTOMATIC
from evaluators.engine.rules import lacks
from evaluators.errors import InputError, TooLarge, shown
from evaluators.workloads.sizes import parse_seq_len

Int64s = NDArray[np.int64]


def chosen(parameter: Parameter) -> bool:
    """Tell whether a blank cell is no value of its own, but leaves a choice to its rule."""
    return parameter.switch or parameter.rule == BEST


def is_open(parameter: Parameter) -> bool:
    """Tell whether a column is read by each row's own accelerator: those call different things so.

    That is one of the labelled choices of an open binding.
    """
    return parameter.rule == MAPPER and bool(parameter.labels)


def own_choices(
    choices: Mapping[str, Texts], accelerator: Accelerator, rows: NDArray[np.intp], place: Place
) -> dict[str, NDArray[Any]]:
    """Return the choices that some rows of one accelerator make; refuse what it lacks."""
    columns = {}
    for name, texts in choices.items():
        codes, own = np.unique(texts.codes[rows], return_inverse=True)
        told = Texts([texts.known[code] for code in codes], own)
        parameter = accelerator.all_parameters.get(name)
        if parameter is not None:
            values, known = _read_texts(told, parameter, place, rows)
            if known.any():
                columns[name] = values
        elif set(told.known) - {"", AUTO}:
            sets = np.array([label not in ("", AUTO) for label in told.known])[own]
            raise place.error(int(rows[np.argmax(sets)]), lacks(accelerator, name))
    return columns


def values_of(chunk: Chunk, parameter: Parameter) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a parameter's values, 0 where a cell is blank, and where none is."""
    name, cells, place = parameter.name, chunk.columns[parameter.name], chunk.place
    if parameter.labels:
        texts = table_cells.texts(cells, name, place)
        return _read_texts(texts, parameter, place, np.arange(len(texts.codes)))
    if parameter.real:
        reals = table_cells.reals(cells, name, place, parameter.read)
        known = ~np.isnan(reals)
        return np.where(known, reals, AUTOMATIC), known
    least = 0 if parameter.automatic or parameter.switch else 1

    def read(text: str) -> int:
        number = whole_number(text, name)
        if number is None and parameter.unit:
            number = int(parameter.read(text))
        if number is None or number < least:
            raise InputError(f"{name} '{shown(text)}': give {parameter}")
        return number

    numbers = table_cells.whole_numbers(cells, name, place, least, read)
    known = numbers != BLANK
    return np.where(known, numbers, AUTOMATIC), known


def _read_texts(
    texts: Texts, parameter: Parameter, place: Place, rows: NDArray[np.intp]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    values = np.zeros(len(texts.known), dtype=np.int64)
    for code, label in enumerate(texts.known):
        try:
            values[code] = parameter.read(label) if label else AUTOMATIC
        except InputError as error:
            raise place.error(int(rows[np.argmax(texts.codes == code)]), error) from None
    known = np.array([bool(label) for label in texts.known])
    return values[texts.codes], known[texts.codes]


def tokens_of(chunk: Chunk, name: str) -> Int64s:
    """Return one of `TOKENS` of each row, `BLANK` where it is not given."""
    least = int(name != "window")

    def read(text: str) -> int:
        number = whole_number(text, name)
        number = _with_suffix(text, name) if number is None else number
        if number is None or number < least:
            raise InputError(f"{name} '{shown(text)}': give tokens, as 262144, 256K or 1M")
        return number

    return table_cells.whole_numbers(chunk.columns[name], name, chunk.place, least, read)


def _with_suffix(text: str, name: str) -> int | None:
    """Read tokens with a suffix; None for what is none."""
    try:
        return parse_seq_len(text)
    except TooLarge:
        raise table_cells.beyond(text, name) from None
    except InputError:
        return None
