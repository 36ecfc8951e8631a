"""Manifests as YAML that every reader takes for the same thing: YAML 1.1, YAML 1.2, and Go's mixture.

Knows nothing of what manifests mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

# A text that begins with a letter, holds nothing that YAML gives a meaning to, and is no word that one
# of the readers takes for something else; all other texts are quoted.
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*\Z")
RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
LINE_WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """No aliases, two spaces before the items of a list, quotes where two readers could differ."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and not re.search(r"[^\S\n]\n|[^\x20-\x7e\n\u00a0-\ud7ff]|^\s", text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    plain = PLAIN.match(text) is not None and text.lower() not in RESERVED
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)


def to_yaml(manifest: Mapping[str, Any]) -> str:
    """One document, without a leading `---`, ending with a newline; keys in the order of the manifest."""
    return yaml.dump(
        _plain(manifest), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE_WIDTH, indent=2
    )


def to_yaml_documents(manifests: Iterable[Mapping[str, Any]]) -> str:
    """Several documents, separated by `---`."""
    return "---\n".join(to_yaml(manifest) for manifest in manifests)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
