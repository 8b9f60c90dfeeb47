"""SIGINT and SIGTERM: asked to stop, a command stops where nothing is lost.

A signal's handler runs amid whatever the program does. An exception that it raises can be swallowed
in a callback, or leave half done what must be whole. So where a command works on its results, under
`held`, a signal only leaves its mark, which `stop_if_asked` looks at between two steps; where it
computes or waits, under `allowed`, the interrupt comes at once, as it does outside of both.
It comes once: whoever asks again meets a program that is stopping, unless it is so much later that
the first exception must have been swallowed.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from types import FrameType

_STOPPING_S = 10.0
"""How long a program may take to stop, before a signal interrupts it once more."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _State:
    asked: bool = False
    held: bool = False
    raised_s: float = -inf


_state = _State()


def take() -> None:
    """From now on take the signals, but those that whoever started this process has it ignore."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)


@contextmanager
def taken() -> Iterator[None]:
    """Take the signals while the context lasts, in the main thread, where no one else does yet."""
    own = {number: signal.getsignal(number) for number in SIGNALS}
    if threading.current_thread() is not threading.main_thread() or _note in own.values():
        yield
        return
    take()
    try:
        yield
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)
        _state.asked, _state.raised_s = False, -inf


def ignore() -> None:
    """From now on ignore the signals: all is done, and what is left is to end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """Let no interrupt come while the context lasts, but where it is allowed."""
    with _hold(True):
        yield


@contextmanager
def allowed() -> Iterator[None]:
    """Let an interrupt come at any instant while the context lasts, also one asked for before."""
    with _hold(False):
        stop_if_asked()
        yield
    stop_if_asked()


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt where a signal has asked to stop."""
    if _state.asked:
        _state.raised_s = time.monotonic()
        raise KeyboardInterrupt


@contextmanager
def _hold(value: bool) -> Iterator[None]:
    before, _state.held = _state.held, value
    try:
        yield
    finally:
        _state.held = before


def _note(number: int, frame: FrameType | None) -> None:
    _state.asked = True
    now = time.monotonic()
    if not _state.held and now - _state.raised_s > _STOPPING_S:
        _state.raised_s = now
        raise KeyboardInterrupt
