"""Reading one manifest, field by field, without trusting any of it. Knows no kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.mesh.refs import Manifest, ResourceRef

_TEXT = {str}
_DICT = {dict}


MOST_PROBLEMS = 50
"""So many are told of one object; after them it is plain that it is another kind of thing."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that cannot be what it says. `path` is the field, `message` says what is wrong with it and
    how it was read."""

    ref: ResourceRef
    path: str
    message: str


class Fields:
    """A mapping inside a manifest, with the path that leads to it. A field of the wrong type reads
    as absent and leaves a Problem behind."""

    __slots__ = ("_path", "_problems", "_ref", "_value")

    def __init__(
        self,
        value: Manifest,
        ref: ResourceRef,
        problems: list[Problem],
        path: str | tuple[Fields, str, int | None] = "",
    ) -> None:
        # A path is only spelled out when there is a problem to report: (parent, key, index) until then.
        self._value = value
        self._ref = ref
        self._problems = problems
        self._path = path

    def has(self, key: str) -> bool:
        """Present and not null."""
        return self._value.get(key) is not None

    def names(self) -> tuple[str, ...]:
        return tuple(str(key) for key, value in self._value.items() if value is not None)

    def every_name(self) -> tuple[str, ...]:
        """As `names`, with those whose value is null: for a header that only has to be there."""
        return tuple(key for key in self._value if isinstance(key, str))

    def path_to(self, key: str) -> str:
        path = self._path
        if not isinstance(path, str):
            parent, name, index = path
            path = parent.path_to(name if index is None else f"{name}[{index}]")
        return f"{path}.{key}" if path else key

    def _wrong(self, key: str, expected: str) -> None:
        self._report(key, f"is not {expected}. The field was read as if it were absent.")

    def _unquoted(self, key: str, read: str) -> None:
        self._report(
            key,
            f"is {read[:40]} without quotes, which is no text: the API server refuses the object. "
            f'It was read as "{read[:40]}".',
        )

    def _report(self, key: str, what: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            path = self.path_to(key)
            self._problems.append(Problem(self._ref, path, f"{path} {what}"))

    def text(self, key: str, default: str = "") -> str:
        value = self._value.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return _scalar(value)
        self._wrong(key, "a text")
        return default

    def own_text(self, key: str) -> None:
        """Reports what is not a text where Kubernetes takes nothing else."""
        value = self._value.get(key)
        if isinstance(value, bool | int | float):
            self._unquoted(key, _scalar(value))
        elif value is not None and not isinstance(value, str):
            self._wrong(key, "a text")

    def number(self, key: str) -> int | None:
        value = self._value.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isdecimal() and len(value) < 10:
            return int(value)
        self._wrong(key, "a whole number")
        return None

    def flag(self, key: str) -> bool:
        value = self._value.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self._wrong(key, "true or false")
        return False

    def child(self, key: str) -> Fields:
        """The mapping under `key`; an empty one when absent. YAML reads the key `8080` as a number,
        which Kubernetes turns into text."""
        value = self._value.get(key)
        if value is None and key.isdecimal():
            value = self._value.get(int(key))  # type: ignore[call-overload]
        if value is not None and not _is_mapping(value):
            self._wrong(key, "a mapping")
            value = None
        return Fields(value or {}, self._ref, self._problems, (self, key, None))

    def items(self, key: str) -> list[Fields]:
        """The mappings in the list under `key`; other elements are reported and left out."""
        values = self._list(key)
        ref, problems = self._ref, self._problems
        if {*map(type, values)} == _DICT:
            return [Fields(value, ref, problems, (self, key, i)) for i, value in enumerate(values)]
        found = []
        for index, value in enumerate(values):
            if _is_mapping(value):
                found.append(Fields(value, ref, problems, (self, key, index)))
            else:
                self._wrong(f"{key}[{index}]", "a mapping")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        found = []
        for index, value in enumerate(self._list(key)):
            if isinstance(value, str):
                found.append(value)
            else:
                self._wrong(f"{key}[{index}]", "a text")
        return tuple(found)

    def labels(self, key: str) -> dict[str, str]:
        """A mapping of texts. A number or a truth value is read as its text and reported: no API server takes
        it."""
        value = self._value.get(key)
        if value is None:
            return {}
        if not _is_mapping(value):
            self._wrong(key, "a mapping of texts")
            return {}
        if {*map(type, value), *map(type, value.values())} <= _TEXT:
            return dict(value)
        found = {}
        for name, item in value.items():
            if isinstance(item, str):
                found[str(name)] = item
            elif isinstance(item, bool | int | float):
                found[str(name)] = _scalar(item)
                self._unquoted(f"{key}[{name}]", found[str(name)])
            elif item is not None:
                self._wrong(f"{key}[{name}]", "a text")
        return found

    def texts_or_numbers(self, key: str) -> tuple[str, ...]:
        """A list of texts in which a number may stand for its text, as ports are often written."""
        found = []
        for index, value in enumerate(self._list(key)):
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                found.append(str(value))
            else:
                self._wrong(f"{key}[{index}]", "a text")
        return tuple(found)

    def _list(self, key: str) -> Sequence[Any]:
        value = self._value.get(key)
        if value is None:
            return ()
        if isinstance(value, list | tuple):
            return value
        self._wrong(key, "a list")
        return ()


def _scalar(value: bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_mapping(value: Any) -> bool:
    # The exact type first: asking an abstract class is the slow part of reading thousands of objects.
    return type(value) is dict or isinstance(value, Mapping)


def metadata(fields: Fields, ref: ResourceRef) -> dict[str, Any]:
    """The keyword arguments that every MeshObject takes."""
    meta = fields.child("metadata")
    meta.own_text("name")
    meta.own_text("namespace")
    return {
        "ref": ref,
        "api_version": fields.text("apiVersion"),
        "labels": meta.labels("labels"),
        "annotations": meta.labels("annotations"),
        "uid": meta.text("uid"),
        "created": meta.text("creationTimestamp"),
    }
