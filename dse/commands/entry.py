"""Where the command starts: until it takes the signals itself, an interrupt ends it without a word.

Python's own handler would print a traceback of whatever was being imported.
"""

from __future__ import annotations

import gc
import signal

YOUNG_OBJECTS = 50_000
"""New objects after which Python looks for cycles among them. Its own 2,000 or less cost `dse
reproduce` an eighth of its time: what imports and figures make, lives. And it lives to the end, so
that nothing is left to Python's collections at exit: they cost `dse explain` a tenth."""


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(YOUNG_OBJECTS)
    from dse.commands.cli import main as command  # noqa: PLC0415

    code = command()
    gc.freeze()
    return code
