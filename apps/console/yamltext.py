"""YAML as numbered lines with keys and values told apart, for showing only. Parses nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(
    r"^(?P<indent>[ ]*(?:- )*)(?:(?P<key>[^\s#'\"\-][^:#]*|\"[^\"]*\"|'[^']*'):(?=\s|$))?(?P<rest>.*)$"
)
_STEP = re.compile(r"(\[\d+\])|\[([^\[\]]+)\]|([^.\[\]]+)")
MAX_LINES = 5000


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `text` is indent + key + colon + value; `value` starts with its space."""

    number: int
    indent: str
    key: str
    value: str

    @property
    def comment(self) -> bool:
        return not self.key and self.value.lstrip().startswith("#")


def split(text: str) -> tuple[str, str, str]:
    """(indent with dashes, key, rest) of one line; a line without a key is all rest."""
    match = _LINE.match(text)
    if match is None:
        return "", "", text
    return match["indent"], match["key"] or "", match["rest"]


def lines(text: str) -> list[Line]:
    """The lines of a text, numbered from 1, at most `MAX_LINES` of them."""
    return [_line(number, raw) for number, raw in enumerate(text.splitlines()[:MAX_LINES], 1)]


def _line(number: int, raw: str) -> Line:
    indent, key, rest = split(raw)
    return Line(number, indent, key, rest)


def line_of(text: str, path: str) -> int:
    """The number of the line that holds a field path such as `spec.egress[0].hosts` or
    `metadata.annotations[example.com/x]`; the nearest parent's when the field is not there, 0 when nothing
    of it is."""
    found = 0
    wanted = [index or key or name for index, key, name in _STEP.findall(path)]
    paths = list(_paths(text.splitlines()))
    for length in range(len(wanted), 0, -1):
        prefix = tuple(wanted[:length])
        found = next((number for number, at in paths if at[:length] == prefix), 0)
        if found:
            return found
    return found


def path_text(parts: Iterable[str]) -> str:
    """`spec.egress[0].hosts` from its parts."""
    return ".".join(parts).replace(".[", "[")


def paths(text: str) -> dict[int, tuple[str, ...]]:
    """The field path that each line opens, by line number."""
    return dict(_paths(text.splitlines()))


def _paths(rows: Iterable[str]) -> Iterable[tuple[int, tuple[str, ...]]]:
    """Block style as our own writer makes it: two spaces a level, dashes at the parent's indent."""
    stack: list[tuple[int, str]] = []
    counters: dict[int, int] = {}
    for number, raw in enumerate(rows, 1):
        indent, key, _ = split(raw)
        if not raw.strip():
            continue
        column = len(indent) - len(indent.lstrip(" "))
        body = indent[column:]
        dashes = body.count("- ")
        if raw.strip() == "-":
            dashes = 1
        while stack and stack[-1][0] >= column + (1 if dashes else 0):
            stack.pop()
        if not dashes:
            counters = {at: n for at, n in counters.items() if at < column}
        for _dash in range(dashes):
            counters[column] = counters.get(column, -1) + 1
            counters = {at: n for at, n in counters.items() if at <= column}
            stack.append((column + 1, f"[{counters[column]}]"))
            column += 2
        if key:
            stack.append((column, key.strip("\"'")))
        if key or dashes:
            yield number, tuple(part for _, part in stack)
