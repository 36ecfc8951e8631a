"""Field sets of whole new objects straight in their `fieldsV1` form, for writing very many of them.

The same as `fieldsets.encode` of what `comparing.compare` finds added, without a set of paths in between:
what is alike in shape is worked out once. Knows schemas, no manager and no store.
"""

from typing import Any

import msgspec

from apps.simcluster.fieldsets import children, is_leaf
from apps.simcluster.schema import Json, Node

_MEMBER: Json = {}
_PLAIN = (str, int, bool, float)
LARGEST_PART = 512  # bytes of a part that is remembered; larger ones are hardly ever alike


class StatedFields:
    """Works out `fieldsV1` trees; trees share parts with each other, so they must not be changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], Json | None] = {}
        self._nodes: dict[int, Node] = {}  # keeps every node whose id is in a key

    def tree(self, obj: Json, node: Node, untracked: frozenset[str]) -> Json:
        """By top-level field (`f:spec`), without those of metadata named in `untracked`."""
        found: Json = {}
        for element, value, below in children(obj, node):
            if element == "f:metadata":
                value = {name: member for name, member in value.items() if name not in untracked}
            if (part := self._part(value, below)) is not None:
                found[element] = part
        metadata = {name: below for name, below in found.pop("f:metadata", {}).items() if name != "."}
        return dict(sorted({**found, **({"f:metadata": metadata} if metadata else {})}.items()))

    def _part(self, value: Any, node: Node) -> Json | None:
        """The tree below a field; None when the field is no member and has none below it."""
        if is_leaf(value, node):
            return None if node.always and not value else _MEMBER
        encoded = msgspec.json.encode(value)
        if len(encoded) > LARGEST_PART:
            return self._below(value, node)
        key = (id(node), encoded)
        if key not in self._known:
            self._nodes[id(node)] = node
            self._known[key] = self._below(value, node)
        return self._known[key]

    def _below(self, value: Any, node: Node) -> Json | None:
        parts: dict[str, Json] = {}
        if isinstance(value, dict):  # texts and numbers are most of what there is: nothing to look up
            plain = {name for name, member in value.items() if member and type(member) in _PLAIN}
            parts = {"f:" + name: _MEMBER for name in plain}
            value = {name: member for name, member in value.items() if name not in plain}
        for element, member, below in children(value, node):
            if (part := self._part(member, below)) is not None:
                parts[element] = _union(parts[element], part) if element in parts else part
        found: Json = {} if node.always else {".": _MEMBER}
        for element in sorted(parts):
            found[element] = parts[element]
        return found or None


def _union(one: Json, other: Json) -> Json:
    """Of two items of a list that have the same key."""
    if not one and not other:
        return _MEMBER
    one, other = one or {".": _MEMBER}, other or {".": _MEMBER}
    both = {**one, **other}
    return {
        name: _union(one[name], other[name]) if name in one and name in other else both[name]
        for name in sorted(both)
    }
