"""`.meshconsole-ignore.yaml`: what a repository of manifests has decided to live with, and why.

A list of entries, each with the code of a check (`*` for all), a reason, and where they narrow it kind,
namespace and name (`*` and `?` are wildcards) and the last day on which it holds. A file with a mistake
is refused as a whole: half a list would report what was meant to be quiet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from apps.common.errors import InvalidInputError
from apps.mesh.findings import Finding
from apps.mesh.parsing.directories import why
from apps.mesh.parsing.yamltext import Limits, Repeated, YamlProblem, documents, line_at
from apps.mesh.suppression import ALL, REASON_LIMIT, By, Entry, Suppression

NAME = ".meshconsole-ignore.yaml"
FIELDS = ("code", "kind", "namespace", "name", "reason", "until")
LIMITS = Limits(size=1024 * 1024, documents=1, nodes=50_000, depth=8)


@dataclass(frozen=True, slots=True)
class Ignored:
    """The entries of a file with the line of each; `name` is "" where there is no file."""

    name: str = ""
    entries: tuple[Entry, ...] = ()
    lines: tuple[int, ...] = ()

    def notes(self, findings: Iterable[Finding], today: date) -> tuple[str, ...]:
        """A sentence for every entry that has ended or that covers nothing any more."""
        found = list(findings)
        told = []
        for entry, line in zip(self.entries, self.lines, strict=True):
            if not entry.holds(today):
                told.append(f"{self.name}, line {line}: it ended after {entry.suppression.until}.")
            elif not any(entry.covers(one.code, one.ref, one.fingerprint) for one in found):
                told.append(f"{self.name}, line {line}: it suppresses nothing; it can be taken out.")
        return tuple(told)


def read(path: Path, codes: Collection[str]) -> Ignored:
    """The entries of a file; `codes` are those that exist. Raises InvalidInputError with the line of what
    is wrong (field `suppressions`)."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, 0, f"The file cannot be read: {why(error)}.") from error
    repeated: list[Repeated] = []
    try:
        value, node = next(documents(text, LIMITS, repeated), (None, None))
    except YamlProblem as problem:
        raise _wrong(path, problem.line, str(problem)) from problem
    for twice in repeated:
        raise _wrong(path, twice.line, f"{twice.key[:40]} is written twice in one entry.")
    if value is None or node is None:
        return Ignored(path.name)
    if not isinstance(value, list):
        raise _wrong(path, node.start_mark.line + 1, "It is not a list of suppressions.")
    lines = tuple(line_at(node, f"[{index}]") for index in range(len(value)))
    entries = (_entry(path, node, index, item, codes) for index, item in enumerate(value))
    return Ignored(path.name, tuple(entries), lines)


def _entry(path: Path, node: yaml.Node, index: int, item: Any, codes: Collection[str]) -> Entry:
    line = line_at(node, f"[{index}]")
    if not isinstance(item, Mapping):
        raise _wrong(path, line, "An entry is a mapping with code and reason.")
    for name, value in item.items():
        at = line_at(node, f"[{index}].{name}")
        if name not in FIELDS:
            raise _wrong(path, at, f"There is no field «{str(name)[:40]}»; there are {', '.join(FIELDS)}.")
        if not isinstance(value, str) or not value.strip():
            raise _wrong(path, at, f"{name} is not a text.")
    for name in ("code", "reason"):
        if name not in item:
            raise _wrong(path, line, f"The entry has no {name}.")
    code = item["code"].strip()
    if code != ALL and code not in codes:
        raise _wrong(path, line_at(node, f"[{index}].code"), f"There is no check {code[:40]}.")
    until = _day(path, line_at(node, f"[{index}].until"), item.get("until"))
    return Entry(
        Suppression(By.FILE, item["reason"].strip()[:REASON_LIMIT], until),
        code=code,
        **{name: item.get(name, ALL).strip() for name in ("kind", "namespace", "name")},
    )


def _day(path: Path, line: int, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise _wrong(path, line, f"until is no day such as 2026-12-31: {text[:40]!r}.") from error


def _wrong(path: Path, line: int, what: str) -> InvalidInputError:
    place = f"{path}, line {line}" if line else str(path)
    return InvalidInputError(f"{place}: {what}", field="suppressions")
