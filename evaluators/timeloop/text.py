"""YAML as the programs read it: plain data, no aliases, literal text between quotation marks."""

from __future__ import annotations

from typing import Any

import yaml


class Literal(str):
    """Text that is no expression: Accelergy evaluates every other text of an architecture."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write every node out: Timeloop's reader knows no aliases."""
        return True


def _quoted(dumper: yaml.SafeDumper, text: Literal) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Dumper.add_representer(Literal, _quoted)


def as_yaml(content: dict[str, Any]) -> str:
    """Write plain data as YAML text, in its own order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False)
