"""What a search asks of memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from evaluators.mapper.moves import forget


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
