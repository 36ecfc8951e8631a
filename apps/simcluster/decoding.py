"""Request bodies: JSON and YAML into objects, with the server's words for what is wrong with them.

Finds duplicate and unknown fields for `fieldValidation`; knows schemas, no store.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from apps.simcluster.schema import ANY, Json, Node, Shape


class BodyError(Exception):
    """A body that is no JSON or YAML; the text is the decoder's."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value and the duplicate fields found in it, as the warnings of its format word them."""

    value: Any
    duplicates: tuple[str, ...] = ()


class _Noting(dict[str, Any]):
    """A dictionary that remembers which of its keys came twice."""

    repeated: tuple[str, ...] = ()


def _noting(pairs: list[tuple[str, Any]]) -> Json:
    made = _Noting(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        made.repeated = tuple(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return made


def parse_json(data: bytes) -> Decoded:
    """Decode JSON; raises `BodyError` in the words of Go's decoder."""
    if not data.strip():
        raise BodyError("unexpected end of JSON input")
    try:
        value = json.loads(data, object_pairs_hook=_noting)
    except RecursionError as error:
        raise BodyError("exceeded max depth") from error
    except UnicodeDecodeError as error:
        raise BodyError("invalid character looking for beginning of value") from error
    except json.JSONDecodeError as error:
        text = data.decode(errors="replace").rstrip()
        if error.pos >= len(text):
            raise BodyError("unexpected end of JSON input") from error
        raise BodyError(f"invalid character '{text[error.pos]}' looking for beginning of value") from error
    return Decoded(value, tuple(f'duplicate field "{path}"' for path in _duplicates(value, "")))


def _duplicates(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            here = f"{path}.{key}" if path else key
            if isinstance(value, _Noting) and key in value.repeated:
                yield here
            yield from _duplicates(member, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _duplicates(item, f"{path}[{index}]")


MAX_YAML_NODES = 1_000_000
_NULL_MEMBER = re.compile(rb'":null')


class _Loader(yaml.SafeLoader):
    """YAML as the API server reads it: no timestamps, `y` and `n` are booleans, duplicate keys are noted."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                self.repeated.append(f'line {key_node.start_mark.line + 1}: key "{key}" already set in map')
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^[yYnN]$"), list("yYnN"))
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


def parse_yaml(data: bytes) -> Decoded:
    """Decode YAML (JSON is YAML too); raises `BodyError`."""
    text = data.decode(errors="replace")
    loader = _Loader(text)
    try:
        value = loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise BodyError(f"yaml: {line}{_problem(error)}") from error
    finally:
        loader.dispose()
    return Decoded(_plain(value, [MAX_YAML_NODES]), tuple(loader.repeated))


def _problem(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return "did not find expected node content" if "expected the node content" in problem else problem


def _plain(value: Any, left: list[int]) -> Any:
    """The value with aliases written out and keys as text; `left` counts down what may still be written."""
    left[0] -= 1
    if left[0] < 0:
        raise BodyError("yaml: document contains excessive aliasing")
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else json.dumps(key, default=str): _plain(member, left)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [_plain(item, left) for item in value]
    return value


def unknown_fields(value: Any, node: Node, path: str = "") -> Iterator[str]:
    """Paths of fields the schema does not have."""
    if isinstance(value, dict) and node.shape is not Shape.ANY:
        for name, member in value.items():
            here = f"{path}.{name}" if path else name
            below = node.child(name)
            if below is None:
                yield here
            else:
                yield from unknown_fields(member, below, here)
    elif isinstance(value, list) and node.shape is Shape.LIST:
        for index, item in enumerate(value):
            yield from unknown_fields(item, node.item or ANY, f"{path}[{index}]")


def pruned(value: Any, node: Node) -> Any:
    """The value without unknown fields; values of a wrong type are left for validation."""
    if isinstance(value, dict) and node.shape in (Shape.OBJECT, Shape.MAP):
        kept = ((name, member, node.child(name)) for name, member in value.items())
        return {name: pruned(member, below) for name, member, below in kept if below is not None}
    if isinstance(value, list) and node.shape is Shape.LIST:
        return [pruned(item, node.item or ANY) for item in value]
    return value


def without_nulls(value: Any) -> Any:
    """The value without members that are null; nulls in lists stay."""
    return _without_nulls(value) if _has_null_member(msgspec.json.encode(value)) else value


def _has_null_member(encoded: bytes) -> bool:
    """Whether JSON without white space has a null member. In a text that is JSON, quotes are escaped."""
    for found in _NULL_MEMBER.finditer(encoded):
        before = encoded[: found.start()]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return True
    return False


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


_GO_TYPES = {
    Shape.STRING: (str, "string"),
    Shape.BOOLEAN: (bool, "bool"),
    Shape.INTEGER: (int, "int32"),
    Shape.MAP: (dict, "map[string]string"),
    Shape.OBJECT: (dict, "struct"),
    Shape.LIST: (list, "slice"),
}
_JSON_TYPES = {str: "string", bool: "bool", int: "number", float: "number", dict: "object", list: "array"}


def go_type_problem(value: Any, node: Node, path: str) -> str | None:
    """What Go's decoder says of the first value of a wrong type in a built-in kind; None when all fit."""
    expected, word = _GO_TYPES.get(node.shape, (object, ""))
    wrong = not isinstance(value, expected) or (isinstance(value, bool) and expected is int)
    if value is not None and wrong:
        found = _JSON_TYPES.get(type(value), "value")
        return f"json: cannot unmarshal {found} into Go struct field {path} of type {word}"
    if isinstance(value, dict):
        for name, member in value.items():
            here = path if node.shape is Shape.MAP else f"{path}.{name}"
            if (problem := go_type_problem(member, node.child(name) or ANY, here)) is not None:
                return problem
    if isinstance(value, list):
        for item in value:
            if (problem := go_type_problem(item, node.item or ANY, path)) is not None:
                return problem
    return None
