"""What a search asks of memory, and who watches it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from evaluators.mapper.moves import forget

_TOLD: ContextVar[Callable[[], object]] = ContextVar("told", default=lambda: None)


@contextmanager
def watched(told: Callable[[], object]) -> Iterator[None]:
    """Have each step of the searches in the context told, an Einsum of some configurations each."""
    before = _TOLD.set(told)
    try:
        yield
    finally:
        _TOLD.reset(before)


def tell() -> None:
    """Tell who watches of a step."""
    _TOLD.get()()


@contextmanager
def searching() -> Iterator[None]:
    """Begin with few known moves, and look for no cycles among objects meanwhile.

    A search makes millions, which are in none; looking for them takes a third of its time.
    """
    forget()
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()
