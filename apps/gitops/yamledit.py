"""Changing one document of a YAML text and leaving every other byte as it is. Pure.

An edit replaces only the keys that differ; what it makes is read again and compared, and where that does not
give exactly what was wanted (anchors, flow style) the document is replaced as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from apps.mesh.parsing.yamltext import Limits, YamlProblem
from apps.mesh.parsing.yamltext import documents as parsed
from apps.mesh.yamlwriter import to_yaml

LIMITS = Limits(size=1024 * 1024, documents=1000, nodes=100_000, depth=64)
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)


class EditError(ValueError):
    """The text cannot be read or changed; the message is a sentence for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A value and the node it was read from; positions count characters of the whole text."""

    value: Any
    node: yaml.Node


def documents(text: str) -> list[Document]:
    """The documents of a text. Raises EditError when it cannot be read."""
    try:
        return [Document(value, node) for value, node in parsed(text, LIMITS)]
    except YamlProblem as problem:
        raise EditError(str(problem)) from problem


def edited(text: str, position: int, wanted: Mapping[str, Any]) -> str:
    """The text with its document number `position` (from 0) saying `wanted`. Raises EditError."""
    found = documents(text)
    others = [document.value for document in found]
    others[position] = wanted
    for way in (_by_keys, _as_whole):
        made = way(text, found[position], wanted)
        if "\r\n" in text:
            made = re.sub(r"(?<!\r)\n", "\r\n", made)
        if _values(made) == others:
            return made
    raise EditError("The document cannot be changed without touching its neighbours.")


def appended(text: str, wanted: Mapping[str, Any]) -> str:
    """The text with one more document at its end. Raises EditError."""
    others = [document.value for document in documents(text)]
    before = text if text.endswith("\n") or not text else text + "\n"
    made = before + ("---\n" if others else "") + to_yaml(wanted)
    if _values(made) != [*others, wanted]:
        raise EditError("Nothing can be added at its end.")
    return made


def removed(text: str, position: int) -> str | None:
    """The text without its document number `position`; None when nothing else is in it. Raises EditError."""
    found = documents(text)
    others = [document.value for at, document in enumerate(found) if at != position]
    if not others:
        return None
    at = found[position].node.start_mark.index
    edges = [match.start() for match in _SEPARATOR.finditer(text)]
    start = max((edge for edge in edges if edge <= at), default=0)
    end = min((edge for edge in edges if edge > at), default=len(text))
    made = text[:start] + text[end:]
    if _values(made) != others:
        raise EditError("The document cannot be taken out without touching its neighbours.")
    return made


def _values(text: str) -> list[Any] | None:
    try:
        return [document.value for document in documents(text)]
    except EditError:
        return None


def _as_whole(text: str, document: Document, wanted: Mapping[str, Any]) -> str:
    start, column = document.node.start_mark.index, document.node.start_mark.column
    alone = not text[start - column : start].strip()  # nothing, such as `---`, stands before it in its line
    new = _written(wanted, column).lstrip() if alone else "\n" + _written(wanted, 0)
    return text[:start] + new + text[_end(text, document.node) :]


def _by_keys(text: str, document: Document, wanted: Mapping[str, Any]) -> str:
    if not isinstance(document.value, Mapping) or not isinstance(document.node, yaml.MappingNode):
        return text
    pieces = sorted(_pieces(text, document.node, document.value, wanted), key=lambda piece: piece[0])
    for start, end, new in reversed(pieces):
        text = text[:start] + new + text[end:]
    return text


def _pieces(
    text: str, node: yaml.MappingNode, now: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[tuple[int, int, str]]:
    """What to put where (start, end, text), so that the mapping says what is wanted."""
    entries = {str(key.value): (key, value) for key, value in node.value}
    column = node.start_mark.column
    for name, (key, value) in entries.items():
        if name not in wanted:
            start = key.start_mark.index - key.start_mark.column
            yield start, _line_end(text, _end(text, value)), ""
        elif now.get(name) != wanted[name]:
            below, goal = now.get(name), wanted[name]
            block = isinstance(value, yaml.MappingNode) and not value.flow_style and value.value
            if block and isinstance(below, Mapping) and isinstance(goal, Mapping) and goal:
                yield from _pieces(text, value, below, goal)
            else:
                yield key.start_mark.index, _end(text, value), _written({name: goal}, column).lstrip()
    added = {name: value for name, value in wanted.items() if name not in entries}
    if added:
        at = _end(text, node.value[-1][1]) if node.value else node.start_mark.index
        yield at, at, "\n" + _written(added, column)


def _written(mapping: Mapping[str, Any], column: int) -> str:
    lines = to_yaml(mapping).removesuffix("\n").split("\n")
    return "\n".join(" " * column + line if line else line for line in lines)


def _end(text: str, node: yaml.Node) -> int:
    """Where a node's text ends; a block ends in the reader's eyes only where the next thing begins, so
    white space and comments after it do not count."""
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        return start + len(text[start:end].rstrip("\r\n")) if node.style in ("|", ">") else end
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(start, _end(text, last[1] if isinstance(last, tuple) else last))
    return int(end)


def _line_end(text: str, at: int) -> int:
    """Behind the end of the line, a comment on it included."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
