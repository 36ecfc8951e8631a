"""Server-side apply on objects: typing of what is applied, merging it in, taking out what is no longer
applied.

Plain functions over objects and schemas; ownership is `ownership`'s, preconditions and storage are the
caller's.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from apps.simcluster.errors import ApiError, internal
from apps.simcluster.fieldsets import FieldSet, Path, children, is_leaf, key_element, shown, with_parents
from apps.simcluster.schema import ANY, Json, Node, Shape

_WORDS = {
    Shape.STRING: ("string", str),
    Shape.BOOLEAN: ("boolean", bool),
    Shape.LIST: ("list", list),
    Shape.OBJECT: ("map", dict),
    Shape.MAP: ("map", dict),
}


def untyped(config: Json, api_version: str, kind: str, why: Iterable[str]) -> ApiError:
    """500 without reason: the applied object does not fit the schema."""
    meta = config.get("metadata") or {}
    version = api_version if "/" in api_version else "/" + api_version
    listed = list(why)
    text = listed[0] if len(listed) == 1 else "errors:\n" + "\n".join(f"  {line}" for line in listed)
    where = f"{meta.get('namespace', '')}/{meta.get('name', '')}; {version}, Kind={kind}"
    return internal(f"failed to create typed patch object ({where}): {text}")


def typing_problems(value: Any, node: Node, path: Path = ()) -> Iterator[str]:
    """Sentences on what does not fit: unknown fields, wrong types, keyed items without or with equal keys."""
    if value is None:
        return
    if (wrong := _wrong_type(value, node)) is not None:
        yield f"{shown(path)}: expected {wrong}, got &{{{value}}}"
    elif isinstance(value, dict):
        for name, member in value.items():
            below = node.child(name)
            if below is None:
                yield f"{shown((*path, 'f:' + name))}: field not declared in schema"
            else:
                yield from typing_problems(member, below, (*path, "f:" + name))
    elif isinstance(value, list):
        yield from _list_problems(value, node, path)


def _wrong_type(value: Any, node: Node) -> str | None:
    if node.shape in (Shape.INTEGER, Shape.NUMBER):
        return (
            None
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            else "numeric (int or float)"
        )
    word, kind = _WORDS.get(node.shape, ("", object))
    return None if isinstance(value, kind) else word


def _list_problems(value: list[Any], node: Node, path: Path) -> Iterator[str]:
    seen = set()
    for index, item in enumerate(value):
        if node.leaf_list:
            yield from typing_problems(item, node.item or ANY, path)
            continue
        if node.keyed and not isinstance(item, dict):
            yield f"{shown(path)}: element {index}: associative list with keys may not have non-map elements"
            continue
        if node.keyed and not any(key in item for key in (*node.keys, *node.key_defaults)):
            names = " ".join(f'"{key}"' for key in node.keys)
            yield (
                f"{shown(path)}: element {index}: associative list with keys has an element that "
                f"omits all key "
                f"fields [{names}] (and doesn't have default values for any key fields)"
            )
            continue
        element = key_element(item, node)
        if element in seen:
            yield f"{shown(path)}: duplicate entries for key {shown((element,))}"
        seen.add(element)
        yield from typing_problems(item, node.item or ANY, (*path, element))


def merge(live: Any, config: Any, node: Node) -> Any:
    """The live value with the applied one laid over it; keyed lists by key, leaves replaced whole."""
    if isinstance(live, dict) and isinstance(config, dict) and not node.atomic:
        merged = dict(live)
        for name, value in config.items():
            merged[name] = merge(live[name], value, node.child(name) or ANY) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(config, list) and not node.leaf_list:
        return _merge_lists(live, config, node)
    return config


def _merge_lists(live: list[Any], config: list[Any], node: Node) -> list[Any]:
    old = {key_element(item, node): item for item in live}
    new = {key_element(item, node): item for item in config}
    order, waiting = [], list(new)
    for key in old:
        if key not in new:
            order.append(key)
            continue
        while waiting:
            upto = waiting.pop(0)
            if upto not in order:
                order.append(upto)
            if upto == key:
                break
    order += [key for key in waiting if key not in order]
    below = node.item or ANY
    return [
        merge(old[key], new[key], below) if key in old and key in new else new.get(key, old.get(key))
        for key in order
    ]


def prune(merged: Any, node: Node, dropped: FieldSet, still_owned: FieldSet) -> Any:
    """Without the fields the manager applied before, applies no more, and nobody else owns."""
    kept = with_parents(still_owned)
    gone = frozenset(path for path in dropped if path not in kept)
    emptied = with_parents(dropped) - kept
    return _without(merged, node, (), gone, emptied) if gone else merged


def _without(value: Any, node: Node, path: Path, gone: FieldSet, emptied: FieldSet) -> Any:
    if is_leaf(value, node):
        return value
    left = []
    for element, member, below in children(value, node):
        here = (*path, element)
        if here in gone:
            continue
        pruned = _without(member, below, here, gone, emptied)
        if here in emptied and pruned in ({}, []) and member != pruned:
            continue
        left.append((element[2:], pruned))
    return dict(left) if isinstance(value, dict) else [member for _, member in left]
