"""YAML as the programs read it: plain data, no aliases, literal text between quotation marks."""

from __future__ import annotations

from typing import Any

import yaml


class Literal(str):
    """Text that is no expression: Accelergy evaluates every other text of an architecture."""

    __slots__ = ()


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        """Write every node out: Timeloop's reader knows no aliases."""
        return True


def _quoted(dumper: yaml.SafeDumper, text: Literal) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


def _tagged(dumper: yaml.SafeDumper, node: dict[str, Any]) -> yaml.MappingNode:
    tag = f"!{node['!']}" if "!" in node else "tag:yaml.org,2002:map"
    return dumper.represent_mapping(tag, {k: v for k, v in node.items() if k != "!"})


_Dumper.add_representer(Literal, _quoted)
_Dumper.add_representer(dict, _tagged)


def as_yaml(content: dict[str, Any]) -> str:
    """Write plain data as YAML text, in its own order.

    A table with a key '!' is written under the tag that it names.
    """
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False)
