"""What changed between two versions of an object, as field sets: added, modified, removed.

A field that is new is added together with everything below it; structs that are always there do not count.
"""

from dataclasses import dataclass
from typing import Any

from apps.simcluster.fieldsets import FieldSet, Path, children, is_leaf
from apps.simcluster.schema import ANY, Node

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Comparison:
    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def changed(self) -> FieldSet:
        return self.added | self.modified

    @property
    def same(self) -> bool:
        return not (self.added or self.modified or self.removed)


def compare(before: Any, after: Any, node: Node) -> Comparison:
    """Compare two objects by their schema; the root itself is never a member."""
    added: set[Path] = set()
    modified: set[Path] = set()
    removed: set[Path] = set()
    _compare(before, after, node, (), (added, modified, removed))
    return Comparison(frozenset(added), frozenset(modified), frozenset(removed))


_Sets = tuple[set[Path], set[Path], set[Path]]


def _compare(before: Any, after: Any, node: Node, path: Path, sets: _Sets) -> None:
    added, modified, removed = sets
    if before is _MISSING:
        _all(after, node, path, added)
    elif after is _MISSING:
        _all(before, node, path, removed)
    elif type(before) is not type(after) or (is_leaf(before, node) and is_leaf(after, node)):
        if before != after:
            modified.add(path)
    elif isinstance(before, (dict, list)):
        _compare_members(before, after, node, path, sets)


def _compare_members(before: Any, after: Any, node: Node, path: Path, sets: _Sets) -> None:
    old = {element: (value, below) for element, value, below in children(before, node)}
    new = {element: (value, below) for element, value, below in children(after, node)}
    for element in {**old, **new}:
        left, left_node = old.get(element, (_MISSING, ANY))
        right, right_node = new.get(element, (_MISSING, ANY))
        below = right_node if right is not _MISSING else left_node
        _compare(left, right, below, (*path, element), sets)


def _all(value: Any, node: Node, path: Path, into: set[Path]) -> None:
    if is_leaf(value, node):
        if value or not node.always:
            into.add(path)
        return
    if not node.always and path:
        into.add(path)
    for element, member, below in children(value, node):
        _all(member, below, (*path, element), into)
