"""Tables and metadata-only forms of objects, as `kubectl get` asks for them."""

import json
import re
from datetime import datetime
from typing import Any

import msgspec

from apps.simcluster.columns import LAYOUTS, PLAIN, Layout
from apps.simcluster.durations import age
from apps.simcluster.kinds import Column, Resource
from apps.simcluster.schema import Json
from apps.simcluster.store import Stored

NAME_HELP = (
    "Name must be unique within a namespace. Is required when creating resources, although some "
    "resources may "
    "allow a client to request the generation of an appropriate name automatically."
)
_AGE = ("Age", "string", 0)


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw


def metadata_only(stored: Stored) -> bytes:
    """A PartialObjectMetadata of a stored object."""
    raw = msgspec.json.decode(stored.body, type=_Metadata).metadata
    head = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'
    return head + bytes(raw) + b"}"


def _custom_layout(columns: tuple[Column, ...]) -> Layout:
    def cells(obj: Json, now: datetime) -> list[Any]:
        return [_shown(_at(obj, column.path), column.type, now) for column in columns]

    return Layout(tuple((c.name, c.type, c.priority) for c in columns), cells)


def _at(obj: Json, path: str) -> Any:
    """What a printer column's JSONPath finds; only plain paths are followed."""
    value: Any = obj
    for part in re.findall(r"[^.\[\]]+", path):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _shown(value: Any, kind: str, now: datetime) -> Any:
    if kind == "date" and isinstance(value, str):
        return age(value, now)
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else value


def column_definitions(resource: Resource, version: str) -> list[Json]:
    name = {"name": "Name", "type": "string", "format": "name", "description": NAME_HELP, "priority": 0}
    custom = {column.name: column.description for column in resource.columns.get(version, ())}
    layout = _layout(resource, version)
    columns = [
        {
            "name": title,
            "type": kind,
            "format": "",
            "description": custom.get(title, title),
            "priority": priority,
        }
        for title, kind, priority in layout.columns
    ]
    return [name, *columns] if layout.named else columns


def _layout(resource: Resource, version: str) -> Layout:
    if resource.custom:
        return _custom_layout(resource.columns.get(version, ()))
    return LAYOUTS.get(resource.plural, PLAIN)


def row(resource: Resource, version: str, stored: Stored, now: datetime, include: str) -> bytes:
    """One table row; `include` is the query's includeObject (None, Metadata, Object)."""
    obj = stored.object()
    layout = _layout(resource, version)
    cells = layout.cells(obj, now)
    if not resource.custom and _AGE in layout.columns:
        cells.insert(layout.columns.index(_AGE), age(obj["metadata"].get("creationTimestamp"), now))
    if layout.named:
        cells.insert(0, stored.name)
    if include == "None":
        shown = b"null"
    elif include == "Object":
        shown = stored.encoded(resource.api_version(version), resource.kind)
    else:
        shown = metadata_only(stored)
    return b'{"cells":' + msgspec.json.encode(cells) + b',"object":' + shown + b"}"
