"""Reads the fields of a scenario file strictly: a wrong, unknown or missing field becomes one clear sentence.

Knows mappings, lists and scalars as YAML gives them; must not know what a scenario means.
"""

from enum import StrEnum
from typing import Any, Self, TypeVar

Choice = TypeVar("Choice", bound=StrEnum)


class ScenarioError(ValueError):
    """A scenario file that cannot be used; the message names the file, the field and what is wrong."""

    def __init__(self, file: str, field: str, sentence: str) -> None:
        super().__init__(f"{file}: {field or 'the file'}: {sentence}")
        self.file = file
        self.field = field


class Fields:
    """One mapping of a scenario file, read field by field; `done()` refuses what nobody asked for."""

    def __init__(self, value: object, *, file: str, path: str = "") -> None:
        self.file = file
        self.path = path
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error("", f"must be a mapping of names to values, not {_article(value)}.")
        self._values: dict[object, object] = value
        self._asked: set[str] = set()
        for key in value:
            if not isinstance(key, str):
                raise self.error(str(key), "the name of a field must be text; put it in quotes.")

    def error(self, name: str, sentence: str) -> ScenarioError:
        return ScenarioError(self.file, self._at(name), sentence)

    def names(self) -> list[str]:
        """All field names in the order of the file; asks for each, so `done()` accepts them."""
        self._asked.update(str(key) for key in self._values)
        return [str(key) for key in self._values]

    def has(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> object:
        self._asked.add(name)
        return self._values.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.raw(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.error(name, "is missing.")
        if not isinstance(value, str):
            raise self.error(name, f"must be text, not {_article(value)}; put it in quotes.")
        return value

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 1000) -> int:
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(name, f"must be a whole number from {least} to {most}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(name, f"must be true or false, not {_article(value)}.")
        return value

    def choice(self, name: str, kind: type[Choice], default: Choice) -> Choice:
        value = self.raw(name)
        if value is None:
            return default
        if value not in list(kind):
            raise self.error(name, f"must be one of {', '.join(kind)}.")
        return kind(str(value))

    def section(self, name: str) -> Self:
        return type(self)(self.raw(name), file=self.file, path=self._at(name))

    def sections(self, name: str) -> list[Self]:
        """A list of mappings."""
        rows = self.list_of(name)
        return [
            type(self)(row, file=self.file, path=f"{self._at(name)}[{index}]")
            for index, row in enumerate(rows)
        ]

    def list_of(self, name: str) -> list[object]:
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(name, f"must be a list, not {_article(value)}.")
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        if not self.has(name):
            return default
        rows = self.list_of(name)
        for row in rows:
            if not isinstance(row, str):
                raise self.error(name, f"must be a list of texts; {row!r} is {_article(row)}.")
        return tuple(str(row) for row in rows)

    def strings(self, name: str) -> dict[str, str]:
        """A mapping of texts to texts, as labels and annotations are."""
        section = self.section(name)
        return {key: section.text(key) for key in section.names()}

    def mapping(self, name: str) -> dict[str, Any]:
        """A mapping that is passed on as it is, such as a mesh configuration."""
        section = self.section(name)
        return {key: section.raw(key) for key in section.names()}

    def done(self) -> None:
        for key in self._values:
            if str(key) not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise self.error(str(key), f"is not a field of this place; known are {known}.")

    def _at(self, name: str) -> str:
        return ".".join(part for part in (self.path, name) if part)


def _article(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number"}
    return names.get(type(value), type(value).__name__)
