"""Sets of field paths as server-side apply keeps them (`fieldsV1`), and what of an object a set covers.

A path is a tuple of elements as in `fieldsV1`: `f:name`, `k:{"name":"https"}`, `v:"value"`. It knows schemas
(`Node`) but no manager and no HTTP.
"""

import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring
from typing import Any

from apps.simcluster.schema import ANY, Json, Node, Shape

Path = tuple[str, ...]
FieldSet = frozenset[Path]
EMPTY: FieldSet = frozenset()
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def decode(fields: Json, prefix: Path = ()) -> FieldSet:
    """A set from its `fieldsV1` form."""
    found: set[Path] = set()
    for key, below in fields.items():
        if key == ".":
            found.add(prefix)
            continue
        path = (*prefix, key)
        if below:
            found |= decode(below, path)
        else:
            found.add(path)
    return frozenset(found)


def encode(paths: Iterable[Path]) -> Json:
    """The `fieldsV1` form of a set: members with members below them carry a `.`."""
    root: Json = {}
    members = set(paths)
    for path in sorted(members):
        here = root
        for element in path:
            here = here.setdefault(element, {})
    _mark(root, (), members)
    return root


def _mark(tree: Json, prefix: Path, members: set[Path]) -> None:
    for element, below in tree.items():
        path = (*prefix, element)
        if below:
            _mark(below, path, members)
            if path in members:
                tree[element] = {".": {}, **below}


def key_element(item: Any, node: Node) -> str:
    """The path element of a keyed list's item or a set's value."""
    if node.unique or not isinstance(item, dict):
        return "v:" + _compact(item)
    if len(node.keys) == 1 and type(value := item.get(node.keys[0])) is str:  # nearly always
        return f'k:{{"{node.keys[0]}":{encode_basestring(value)}}}'
    keys = {key: item.get(key, node.key_defaults.get(key)) for key in sorted(node.keys)}
    return "k:" + _compact({key: value for key, value in keys.items() if value is not None})


def _compact(value: Any) -> str:
    return _ENCODER.encode(value)


def is_leaf(value: Any, node: Node) -> bool:
    """Whether a value is owned as a whole: scalars, atomic lists and objects, and what is empty."""
    if isinstance(value, dict):
        return node.atomic or not value
    if isinstance(value, list):
        return node.leaf_list or not value
    return True


def children(value: Any, node: Node) -> Iterator[tuple[str, Any, Node]]:
    """Path element, value and node of each member of an object or a keyed list."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield "f:" + name, member, node.child(name) or ANY
    elif isinstance(value, list):
        for item in value:
            yield key_element(item, node), item, node.item or ANY


def of_object(value: Any, node: Node) -> FieldSet:
    """All fields an applied object states: its leaves, keyed items and map entries."""
    found: set[Path] = set()
    _collect(value, node, (), found)
    return frozenset(found)


def _collect(value: Any, node: Node, path: Path, found: set[Path]) -> None:
    if is_leaf(value, node):
        if path:
            found.add(path)
        return
    for element, member, below in children(value, node):
        if isinstance(value, list) or node.shape is Shape.MAP:
            found.add((*path, element))
        _collect(member, below, (*path, element), found)


def with_parents(paths: Iterable[Path]) -> FieldSet:
    """The set with every path above its members."""
    found: set[Path] = set()
    for path in paths:
        for length in range(1, len(path) + 1):
            found.add(path[:length])
    return frozenset(found)


def shown(path: Path) -> str:
    """A path as messages show it: `.spec.ports[name="https"].number`."""
    out = []
    for element in path:
        kind, rest = element[0], element[2:]
        if kind == "f":
            out.append("." + rest)
        elif kind == "k":
            pairs = json.loads(rest)
            out.append("[" + ",".join(f"{key}={_compact(value)}" for key, value in pairs.items()) + "]")
        else:
            out.append(f"[={rest}]")
    return "".join(out)


def ordered(paths: Iterable[Path]) -> list[Path]:
    """The order messages list paths in: at each level the members first, then what is below others."""
    return list(_walk(decode_tree(paths), ()))


def decode_tree(paths: Iterable[Path]) -> Json:
    tree: Json = {}
    for path in paths:
        here = tree
        for element in path:
            here = here.setdefault(element, {})
        here["."] = {}
    return tree


def _walk(tree: Json, prefix: Path) -> Iterator[Path]:
    names = sorted(name for name in tree if name != ".")
    for name in names:
        if "." in tree[name]:
            yield (*prefix, name)
    for name in names:
        yield from _walk(tree[name], (*prefix, name))
