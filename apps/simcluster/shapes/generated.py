"""Writes out what a scenario file states in short for many: ranges in names, and lists that are cycled.

Works on the values of a YAML document before anything reads their meaning; the result is a document without
ranges. It knows where choices may stand; must not know what the choices mean.
"""

from collections.abc import Iterator
from typing import Any

from apps.simcluster.shapes.fields import ScenarioError
from apps.simcluster.shapes.ranges import NUMBER, Numbered, RangeError, has_range, numbered

MOST_CLUSTERS = 200
MOST_ENTRIES = 50_000
# Of a cluster and of a namespace: fields in which a list means "one after the other".
CLUSTER_CHOICES = ("environment", "region", "owner_team", "kubernetes_version", "labels")
NAMESPACE_CHOICES = ("labels", "annotations", "age")


def documents(document: Any, file: str) -> Iterator[Any]:
    """One document for each cluster that a file describes, as they are asked for. Raises ScenarioError."""
    name = document.get("name") if isinstance(document, dict) else None
    rows = _numbered(name, file, "name") if isinstance(name, str) else None
    if rows is None:
        yield _Expansion(file, "").cluster(document, 0)
        return
    if len(rows) > MOST_CLUSTERS:
        raise ScenarioError(file, "name", f"describes {len(rows)} clusters; the limit is {MOST_CLUSTERS}.")
    for position, row in enumerate(rows):
        yield _Expansion(file, row.number).cluster({**document, "name": row.name}, position)


def _numbered(text: str, file: str, path: str) -> list[Numbered] | None:
    try:
        return numbered(text)
    except RangeError as error:
        raise ScenarioError(file, path, str(error)) from error


class _Expansion:
    """One document being written out. `number` is the cluster's, where the file describes several."""

    def __init__(self, file: str, number: str) -> None:
        self._file = file
        self._number = number
        self._entries = 0

    def cluster(self, document: Any, position: int) -> Any:
        made = self._value(document, self._number, "")
        if not isinstance(made, dict):
            return made
        self._choose(made, CLUSTER_CHOICES, position, "")
        namespaces = made.get("namespaces")
        if isinstance(namespaces, dict):
            self._namespaces(namespaces)
        return made

    def _value(self, value: Any, number: str, path: str) -> Any:
        """The value with ranges written out and `{#}` replaced by the number of the nearest range."""
        if isinstance(value, str):
            return value.replace(NUMBER, number) if number else value
        if isinstance(value, dict):
            return self._mapping(value, number, path)
        if isinstance(value, list):
            return [
                made for index, row in enumerate(value) for made in self._row(row, number, f"{path}[{index}]")
            ]
        return value

    def _mapping(self, mapping: dict[Any, Any], number: str, path: str) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in mapping.items():
            here = f"{path}.{key}" if path else str(key)
            rows = _numbered(key, self._file, here) if isinstance(key, str) else None
            for row in rows or [Numbered(key, number)]:
                if row.name in made:
                    raise ScenarioError(self._file, here, f"names {row.name!r}, which is there already.")
                made[row.name] = self._value(value, row.number, here)
                self._count(here)
        return made

    def _row(self, row: Any, number: str, path: str) -> list[Any]:
        """What one row of a list becomes: as many rows as its name, or the text it is, stands for."""
        if isinstance(row, str) and has_range(row):
            return [each.name for each in _numbered(self._value(row, number, path), self._file, path) or ()]
        named, where = _name(row)
        rows = _numbered(named, self._file, f"{path}.{where}") if has_range(named) else None
        if rows is None:
            return [self._value(row, number, path)]
        made = []
        for each in rows:
            self._count(path)
            renamed = {**row, "name": each.name}
            if where == "metadata.name":
                renamed = {**row, "metadata": {**row["metadata"], "name": each.name}}
            made.append(self._value(renamed, each.number, path))
        return made

    def _count(self, path: str) -> None:
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            sentence = f"makes this file one of more than {MOST_ENTRIES} entries, which is the limit."
            raise ScenarioError(self._file, path, sentence)

    def _namespaces(self, namespaces: dict[str, Any]) -> None:
        """Choices in namespaces by their position, those in workloads by theirs in the whole file."""
        position = 0
        for index, (name, namespace) in enumerate(namespaces.items()):
            if not isinstance(namespace, dict):
                continue
            path = f"namespaces.{name}"
            self._choose(namespace, NAMESPACE_CHOICES, index, path)
            position = self._workloads(namespace, position, path)

    def _workloads(self, namespace: dict[str, Any], position: int, path: str) -> int:
        """Give each workload its part of the choices, those of the defaults too; the next position."""
        workloads, shared = namespace.get("workloads"), _choices(namespace.get("defaults"))
        if shared:
            defaults = namespace["defaults"].items()
            namespace["defaults"] = {key: value for key, value in defaults if key not in shared}
        if not isinstance(workloads, dict):
            return position
        for name, options in workloads.items():
            if options is None or isinstance(options, dict):
                own = shared | (options or {})
                self._choose(own, tuple(own), position, f"{path}.workloads.{name}")
                workloads[name] = own
            position += 1
        return position

    def _choose(self, section: dict[str, Any], fields: tuple[str, ...], position: int, path: str) -> None:
        """Replace lists in these fields, and in mappings right below them, by the value whose turn it is."""
        for field in fields:
            where, value = f"{path}.{field}" if path else field, section.get(field)
            if isinstance(value, list):
                if not value:
                    raise ScenarioError(self._file, where, "must list at least one value to choose from.")
                section[field] = value[position % len(value)]
            elif isinstance(value, dict):
                section[field] = dict(value)
                self._choose(section[field], tuple(value), position, where)


def _name(row: Any) -> tuple[str, str]:
    """The name of a row of a list and where it stands; empty when it has none."""
    if not isinstance(row, dict):
        return "", ""
    for holder, where in ((row.get("metadata"), "metadata.name"), (row, "name")):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return holder["name"], where
    return "", ""


def _choices(defaults: Any) -> dict[str, Any]:
    """The defaults that differ from workload to workload."""
    if not isinstance(defaults, dict):
        return {}
    return {
        key: value
        for key, value in defaults.items()
        if isinstance(value, list)
        or (isinstance(value, dict) and any(isinstance(below, list) for below in value.values()))
    }
