"""Where the command starts: until it takes the signals itself, an interrupt ends it without a word.

Python's own handler would print a traceback of whatever was being imported.
"""

from __future__ import annotations

import signal


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dse.commands.cli import main as command  # noqa: PLC0415

    return command()
