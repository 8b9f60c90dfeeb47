"""Who watches a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
