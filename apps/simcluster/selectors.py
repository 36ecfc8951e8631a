"""Label and field selectors as the API server reads them; texts of refusals are the server's."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.simcluster.errors import bad_request
from apps.simcluster.schema import Json
from apps.simcluster.store import Stored

Match = Callable[[Stored], bool]

_TOKEN = re.compile(r"\s*(==|!=|=|!|<|>|\(|\)|,|[^\s=!<>(),]+)")

POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)
EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "reason",
    "type",
)
FIELDS: Mapping[str, Sequence[str]] = {
    "pods": POD_FIELDS,
    "events": EVENT_FIELDS,
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "nodes": ("spec.unschedulable",),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.operator == "in":
            return value in self.values
        if self.operator == "notin":
            return value is None or value not in self.values
        if self.operator == "exists":
            return value is not None
        if self.operator == "absent":
            return value is None
        return _compares(value, self.operator, self.values)


def _compares(value: str | None, operator: str, bounds: frozenset[str]) -> bool:
    bound = next(iter(bounds))
    if value is None or not value.lstrip("-").isdigit() or not bound.lstrip("-").isdigit():
        return False
    return int(value) > int(bound) if operator == ">" else int(value) < int(bound)


class _Parser:
    def __init__(self, text: str) -> None:
        self.words = _TOKEN.findall(text)
        self.at = 0

    def next(self) -> str:
        word = self.words[self.at] if self.at < len(self.words) else ""
        self.at += 1
        return word

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def requirements(self) -> list[Requirement]:
        found = []
        while self.peek():
            found.append(self._one())
            word = self.next()
            if word not in ("", ","):
                raise bad_request(f"found '{word}', expected: ',' or 'end of string'")
        return found

    def _one(self) -> Requirement:
        key = self.next()
        if key == "!":
            return Requirement(self.next(), "absent")
        word = self.peek()
        if word in ("", ","):
            return Requirement(key, "exists")
        self.next()
        if word in ("=", "==", "!="):
            value = "" if self.peek() in ("", ",") else self.next()
            return Requirement(key, "notin" if word == "!=" else "in", frozenset([value]))
        if word in (">", "<"):
            return Requirement(key, word, frozenset([self.next()]))
        if word in ("in", "notin"):
            return Requirement(key, word, self._values())
        expected = "in, notin, =, ==, !=, gt, lt"
        raise bad_request(f"unable to parse requirement: found '{word}', expected: {expected}")

    def _values(self) -> frozenset[str]:
        if self.next() != "(":
            raise bad_request(f"unable to parse requirement: found '{self.peek()}', expected: '('")
        values: set[str] = set()
        while True:
            word = self.next()
            if word == ")":
                return frozenset(values)
            if word == "":
                raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")
            if word != ",":
                values.add(word)


def parse_labels(text: str) -> list[Requirement]:
    return _Parser(text).requirements() if text else []


def label_selector_holds(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """A `LabelSelector` object (matchLabels, matchExpressions) against labels."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    for expression in selector.get("matchExpressions") or ():
        values = frozenset(expression.get("values") or ())
        if not Requirement(expression["key"], operators[expression["operator"]], values).holds(labels):
            return False
    return True


def parse_fields(text: str, plural: str) -> list[tuple[str, bool, str]]:
    """(field, wanted, value) for each term; refuses fields the resource cannot be selected by."""
    found = []
    for term in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!\s]+)(==|!=|=)(\S*)", term)
        if match is None:
            raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
        name = match[1]
        if name not in ("metadata.name", "metadata.namespace", *FIELDS.get(plural, ())):
            raise bad_request(f"field label not supported: {name}")
        found.append((name, match[2] != "!=", match[3]))
    return found


def _value_at(obj: Json, path: str) -> str:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _field_holds(stored: Stored, terms: list[tuple[str, bool, str]]) -> bool:
    obj: Json | None = None
    for name, wanted, value in terms:
        if name == "metadata.name":
            found = stored.name
        elif name == "metadata.namespace":
            found = stored.namespace
        else:
            obj = obj if obj is not None else stored.object()
            found = _value_at(obj, name)
        if (found == value) is not wanted:
            return False
    return True


def matcher(labels: str, fields: str, plural: str) -> Match | None:
    """One predicate for both selectors; None when there is nothing to select."""
    requirements = parse_labels(labels)
    terms = parse_fields(fields, plural)
    if not requirements and not terms:
        return None

    def match(stored: Stored) -> bool:
        return all(item.holds(stored.labels) for item in requirements) and _field_holds(stored, terms)

    return match
