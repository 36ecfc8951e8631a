"""Two texts as the rows of a unified difference, hunks named by the field they are in."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from apps.console import yamltext

CONTEXT = 3
MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Row:
    """`sign` is "+", a minus sign or a space; `hunk` names a gap and then holds no line."""

    sign: str
    before: str
    after: str
    line: yamltext.Line | None = None
    hunk: str = ""

    @property
    def css(self) -> str:
        return {"+": "add", MINUS: "del"}.get(self.sign, "hunk" if self.line is None else "")

    @property
    def spoken(self) -> str:
        return {"+": "added: ", MINUS: "removed: "}.get(self.sign, "")


@dataclass(frozen=True, slots=True)
class Difference:
    """All rows, and how many lines were added and removed."""

    rows: tuple[Row, ...]
    added: int
    removed: int

    @property
    def count(self) -> str:
        return f"+{self.added} {MINUS}{self.removed} lines"


def difference(before: str, after: str) -> Difference:
    """The difference with three lines of context; an empty side is a creation or a deletion."""
    old, new = before.splitlines(), after.splitlines()
    names_old, names_new = yamltext.paths(before), yamltext.paths(after)
    groups = list(difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT))
    rows: list[Row] = []
    for opcodes in groups:
        if len(groups) > 1 or opcodes[0][1] or opcodes[0][3]:
            rows.append(Row(" ", "…", "…", hunk=_name(opcodes, names_old, names_new)))
        for tag, old_from, old_to, new_from, new_to in opcodes:
            if tag == "equal":
                rows += [
                    _row(" ", old[old_from + at], old_from + at + 1, new_from + at + 1)
                    for at in range(old_to - old_from)
                ]
                continue
            rows += [_row(MINUS, old[at], at + 1, 0) for at in range(old_from, old_to)]
            rows += [_row("+", new[at], 0, at + 1) for at in range(new_from, new_to)]
    return Difference(
        tuple(rows),
        sum(1 for row in rows if row.sign == "+"),
        sum(1 for row in rows if row.sign == MINUS),
    )


def _row(sign: str, text: str, before: int, after: int) -> Row:
    line = yamltext.lines(text)[0] if text else yamltext.Line(1, "", "", "")
    return Row(sign, str(before or ""), str(after or ""), line)


def _name(
    opcodes: Sequence[tuple[str, int, int, int, int]],
    names_old: dict[int, tuple[str, ...]],
    names_new: dict[int, tuple[str, ...]],
) -> str:
    """The field around the first change of a hunk."""
    for tag, old_from, _, new_from, new_to in opcodes:
        if tag == "equal":
            continue
        names, start = (names_new, new_from + 1) if new_to > new_from else (names_old, old_from + 1)
        path = next((names[at] for at in range(start, 0, -1) if at in names), ())
        parents = path[:-1] if len(path) > 1 else path
        return yamltext.path_text(parents)
    return ""
