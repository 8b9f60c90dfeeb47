"""What differs between two specifications, in words: the parameter, what it was and what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evaluators.behaviour import content_of
from evaluators.describe.layers import is_path
from evaluators.errors import shown

_ABSENT = "absent"


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return one phrase a difference between two identities, see `Specification.identity`."""
    found = []
    for name in dict.fromkeys([*was, *now]):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += [f"{name}: {each}" for each in differences(before, after)]
        else:
            found.append(f"{name} {_change(before, after)}")
    return found


ANEW = "start it anew under another name, with --name"


def another_behaviour(
    what: str, was: Mapping[str, str], now: Mapping[str, str], remedy: str = ANEW
) -> str:
    """Say that evaluations are another model's, and how to go on; '' if they are not.

    Args:
        what: the study, or what has its evaluations.
        was: digests of its behaviour when it was evaluated, see `evaluators.behaviour`.
        now: those of today.
        remedy: what to do.

    """
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    for name in changed:
        if is_path(name) and content_of(was.get(name, "")) != content_of(now.get(name, "")):
            return (
                f"{what} was evaluated with another {shown(name, 200)}: the file, or one that it "
                f"names, was edited; restore it, or {remedy}"
            )
    if not changed:
        return ""
    return (
        f"{what} was evaluated by another version of this program, whose evaluations of "
        f"{shown(', '.join(changed), 300)} differ; {remedy}"
    )


def _change(was: Any, now: Any) -> str:
    before, after = (_text(each) for each in (was, now))
    if before == after and isinstance(was, list) and isinstance(now, list):
        gone = [each for each in was if each not in now]
        new = [each for each in now if each not in was]
        parts = [f"lost {_text(gone)}"] * bool(gone) + [f"gained {_text(new)}"] * bool(new)
        return " and ".join(parts) or "was in another order"
    return f"was {before} and is {after}"


def _text(value: Any) -> str:
    return _ABSENT if value is None else shown(json.dumps(value))
