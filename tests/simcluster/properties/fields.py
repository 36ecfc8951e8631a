"""Fields of objects and who owns them, read from `managedFields` without the server's own code for it.

Only the schema (which lists are keyed, which are atomic) is shared with the server.
"""

import json
from collections.abc import Iterator
from typing import Any

from apps.simcluster.schema import ANY, Node, Shape

Json = dict[str, Any]
Path = tuple[str, ...]
Owner = tuple[str, str, str]  # manager, operation, subresource
_IDENTITY = {
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
}


def _members(value: Any, node: Node) -> Iterator[tuple[str, Any, Node]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield f"f:{name}", member, node.child(name) or ANY
        return
    for item in value:
        if node.keys:
            keys = {key: item.get(key, node.key_defaults.get(key)) for key in sorted(node.keys)}
            keys = {key: found for key, found in keys.items() if found is not None}
            yield "k:" + json.dumps(keys, separators=(",", ":")), item, node.item or ANY
        else:
            yield "v:" + json.dumps(item), item, ANY


def _whole(value: Any, node: Node) -> bool:
    """Owned as one: scalars, empty values, atomic lists and maps."""
    if isinstance(value, dict):
        return node.atomic or not value
    return not isinstance(value, list) or not value or not (node.keys or node.unique)


def walk(value: Any, node: Node, path: Path = ()) -> Iterator[tuple[Path, Any, bool]]:
    """Every path of an object with its value, and whether it is owned as a whole."""
    if _whole(value, node):
        if path:
            yield path, value, True
        return
    if path:
        yield path, value, False
    for element, member, below in _members(value, node):
        yield from walk(member, below, (*path, element))


def fields_of(obj: Json, node: Node) -> dict[Path, tuple[Any, bool]]:
    """Paths that are tracked, with their values."""
    meta = {name: value for name, value in obj["metadata"].items() if name not in _IDENTITY}
    plain = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata")}
    plain |= {"metadata": meta} if meta else {}
    return {path: (value, leaf) for path, value, leaf in walk(plain, node)}


def stated(obj: Json, node: Node) -> set[Path]:
    """What an apply of this object owns: leaves, keyed items, and entries of maps."""
    found = fields_of(obj, node)
    return {path for path, (_, leaf) in found.items() if leaf or _named(path, node)}


def _named(path: Path, node: Node) -> bool:
    """Whether the last element is an item of a list or an entry of a map."""
    for element in path[:-1]:
        below = node.child(element[2:]) if element[0] == "f" else node.item
        node = below or ANY
    return path[-1][0] != "f" or node.shape is Shape.MAP


def owned(obj: Json) -> dict[Owner, set[Path]]:
    """Paths by owner."""
    found: dict[Owner, set[Path]] = {}
    for entry in obj["metadata"].get("managedFields") or ():
        owner = (entry["manager"], entry["operation"], entry.get("subresource", ""))
        assert owner not in found, "one entry a manager"
        found[owner] = set(_paths(entry["fieldsV1"], ()))
        assert found[owner], "no empty entry is kept"
    return found


def _paths(tree: Json, prefix: Path) -> Iterator[Path]:
    for name, below in tree.items():
        if name == ".":
            yield prefix
        elif below:
            yield from _paths(below, (*prefix, name))
        else:
            yield (*prefix, name)
