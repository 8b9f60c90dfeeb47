"""Errors that end in one sentence for the user, and foreign text as a sentence may show it."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_SENTENCE = 1000
"""Characters of an error's sentence: what is wrong, where, and what would be right."""

_GAP = " ... "
_MOST_BITS = 10_000


def shown(foreign: object, most: int = 60) -> str:
    """Write what came from outside on one line, in at most `most` characters.

    What does not print (line ends, terminal codes, broken encodings) is written as an escape. Of a
    text that is too long the middle is left out: its end often says what is wrong.
    """
    if isinstance(foreign, int) and foreign.bit_length() > _MOST_BITS:
        foreign = f"an integer of {foreign.bit_length()} bits"  # Python writes no such digits
    text = str(foreign)
    if len(text) > 2 * most:
        text = text[:most] + text[-most:]  # as much as can be shown, whatever the text's length
    line = "".join(each if each.isprintable() else _escaped(each) for each in text)
    if len(line) <= most:
        return line
    head = (most - len(_GAP)) * 2 // 3
    return line[:head] + _GAP + line[head + len(_GAP) - most :]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def did_you_mean(name: object, known: Iterable[str], like: float = 0.6) -> str:
    """Return 'did you mean NAME? ' where a known name is close, whatever its case, or ''.

    `like` is how close, from 0 to 1.
    """
    from difflib import get_close_matches  # noqa: PLC0415  # once something is wrong

    names = {each.casefold(): each for each in known}
    close = get_close_matches(shown(name).casefold(), names, 1, like)
    return f"did you mean {names[close[0]]}? " if close else ""


def known_are(name: object, known: Iterable[str]) -> str:
    """Return 'did you mean NAME? known are NAME, ...', the question only where one is close."""
    names = list(known)
    return f"{did_you_mean(name, names)}known are {', '.join(names)}"


class Error(Exception):
    """An error of one sentence: one line, no longer than `LONGEST_SENTENCE`.

    It is an `InputError` or an `EvaluationError`; `dse.Error` for who uses the Python interface.
    """

    def __init__(self, sentence: object) -> None:
        super().__init__(shown(sentence, LONGEST_SENTENCE))


class InputError(Error, ValueError):
    """Bad input: one sentence that says what is wrong, where, and what would be right.

    The command line prints it on standard error and exits with code 2.
    """


class TooLarge(InputError):
    """A size or a workload beyond what is evaluated; in a table its row fails alone."""


class EvaluationError(Error, RuntimeError):
    """An evaluation that failed for no fault of its input, or that no worker could do.

    One sentence: what was evaluated, and what stopped it. The command line exits with code 1.
    """
