"""Numbers of things, so that columns can be of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

_Thing = TypeVar("_Thing", bound=Hashable)


class Numbers(Generic[_Thing]):
    """Things by their numbers, in the order in which they were first mentioned."""

    def __init__(self) -> None:
        self.things: list[_Thing] = []
        self._numbers: dict[_Thing, int] = {}

    def __len__(self) -> int:
        return len(self.things)

    def of(self, thing: _Thing) -> int:
        """Return the number of a thing."""
        number = self._numbers.get(thing)
        if number is None:
            number = self._numbers[thing] = len(self.things)
            self.things.append(thing)
        return number
