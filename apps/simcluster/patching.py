"""JSON patch, merge patch and strategic merge patch on plain objects.

They return a new object and raise `PatchError` when a patch does not fit; they know schemas only for the
strategic merge's keyed lists.
"""

import copy
from typing import Any

import msgspec

from apps.simcluster.schema import ANY, Json, Node

MAX_OPERATIONS = 10_000


class PatchError(Exception):
    """A patch that cannot be applied to this object."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_merge(target: Any, patch: Any, node: Node) -> Any:
    """Kubernetes' own merge: keyed lists merge by their first key, `$patch` and `$retainKeys` are
    honoured.
    """
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    result = dict(target) if isinstance(target, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$"):
            _directive(result, key, value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _strategic_member(result.get(key), value, node.child(key) or ANY)
    return result


def _directive(result: Json, key: str, value: Any) -> None:
    name, _, field = key.partition("/")
    if name == "$deleteFromPrimitiveList" and isinstance(result.get(field), list):
        result[field] = [item for item in result[field] if item not in value]


def _strategic_member(target: Any, patch: Any, node: Node) -> Any:
    if isinstance(patch, dict):
        return strategic_merge(target, patch, node)
    if not isinstance(patch, list) or not isinstance(target, list):
        return patch
    if node.unique:
        return target + [item for item in patch if item not in target]
    if not node.keyed:
        return patch
    return _strategic_list(target, patch, node)


def _strategic_list(target: list[Any], patch: list[Any], node: Node) -> list[Any]:
    key = node.keys[0]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    deleted = {item.get(key) for item in patch if item.get("$patch") == "delete"}
    changed = {item.get(key): item for item in patch if "$patch" not in item}
    known = {item.get(key) for item in target}
    kept = [item for item in target if item.get(key) not in deleted]
    below = node.item or ANY
    merged = [
        strategic_merge(item, changed[item.get(key)], below) if item.get(key) in changed else item
        for item in kept
    ]
    return [item for name, item in changed.items() if name not in known] + merged


def json_patch(target: Json, operations: list[Json]) -> Json:
    """RFC 6902; any failure, a `test` that does not hold included, is a `PatchError`."""
    document: Any = copy.deepcopy(target)
    for operation in operations:
        document = _operate(document, operation)
    if not isinstance(document, dict):
        raise PatchError("the document is no object any more")
    return document


def _operate(document: Any, operation: Json) -> Any:
    name, path = operation.get("op"), operation.get("path")
    if not isinstance(path, str):
        raise PatchError("an operation without path")
    if name == "test":
        if not _equal(_get(document, _parts(path)), operation.get("value")):
            raise PatchError("test failed")
        return document
    if name in ("move", "copy"):
        source = _parts(str(operation.get("from", "")))
        value = copy.deepcopy(_get(document, source))
        document = _remove(document, source) if name == "move" else document
        return _add(document, _parts(path), value)
    if "value" not in operation and name in ("add", "replace"):
        raise PatchError("an operation without value")
    if name == "add":
        return _add(document, _parts(path), operation["value"])
    if name == "remove":
        return _remove(document, _parts(path))
    if name == "replace":
        _get(document, _parts(path))
        return _replace(document, _parts(path), operation["value"])
    raise PatchError(f"unknown operation {name}")


def _equal(left: Any, right: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return msgspec.json.encode(left, order="sorted") == msgspec.json.encode(right, order="sorted")


def _parts(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise PatchError("a path that does not start with a slash")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _index(items: list[Any], part: str, *, limit: int) -> int:
    if not part.lstrip("-").isdigit() or not 0 <= int(part) < limit:
        raise PatchError(f"no element {part}")
    return int(part)


def _get(document: Any, parts: list[str]) -> Any:
    for part in parts:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(document, part, limit=len(document))]
        else:
            raise PatchError(f"no member {part}")
    return document


def _add(document: Any, parts: list[str], value: Any) -> Any:
    if not parts:
        return value
    parent = _get(document, parts[:-1])
    if isinstance(parent, dict):
        parent[parts[-1]] = value
    elif isinstance(parent, list):
        at = len(parent) if parts[-1] == "-" else _index(parent, parts[-1], limit=len(parent) + 1)
        parent.insert(at, value)
    else:
        raise PatchError("no place to add to")
    return document


def _replace(document: Any, parts: list[str], value: Any) -> Any:
    if not parts:
        return value
    parent = _get(document, parts[:-1])
    if isinstance(parent, list):
        parent[_index(parent, parts[-1], limit=len(parent))] = value
    else:
        parent[parts[-1]] = value
    return document


def _remove(document: Any, parts: list[str]) -> Any:
    parent = _get(document, parts[:-1]) if parts else None
    if isinstance(parent, dict) and parts[-1] in parent:
        del parent[parts[-1]]
    elif isinstance(parent, list):
        del parent[_index(parent, parts[-1], limit=len(parent))]
    else:
        raise PatchError("nothing to remove")
    return document
