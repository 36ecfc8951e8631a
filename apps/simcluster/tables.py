"""Tables and metadata-only forms of objects, as `kubectl get` asks for them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from apps.simcluster.kinds import Column, Resource
from apps.simcluster.pod_cells import pod_cells
from apps.simcluster.schema import Json
from apps.simcluster.store import Stored

NAME_HELP = (
    "Name must be unique within a namespace. Is required when creating resources, although some "
    "resources may "
    "allow a client to request the generation of an appropriate name automatically."
)
NONE = "<none>"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
Cells = Callable[[Json], list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns after the name, and what fills them; ages are last of the priority-0 columns."""

    columns: tuple[tuple[str, str, int], ...]  # name, type, priority
    cells: Cells


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw


def metadata_only(stored: Stored) -> bytes:
    """A PartialObjectMetadata of a stored object."""
    raw = msgspec.json.decode(stored.body, type=_Metadata).metadata
    head = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'
    return head + bytes(raw) + b"}"


def _moment(timestamp: str) -> datetime:
    return datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def age(timestamp: str | None, now: datetime) -> str:
    """A creation time as kubectl shows it: 10s, 5m, 3h, 2d."""
    if not timestamp:
        return "<unknown>"
    seconds = max(0, int((now - _moment(timestamp)).total_seconds()))
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 3 * _HOUR:
        return f"{seconds // _MINUTE}m"
    return f"{seconds // _HOUR}h" if seconds < 2 * _DAY else f"{seconds // _DAY}d"


def _list(values: Sequence[Any] | None) -> str:
    return ",".join(str(value) for value in values or ()) or NONE


def _containers(obj: Json) -> list[Any]:
    spec = obj.get("spec", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers") or []
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    return [
        _list([item.get("name") for item in containers]),
        _list([item.get("image") for item in containers]),
        _list([f"{key}={value}" for key, value in labels.items()]),
    ]


def _deployment(obj: Json) -> list[Any]:
    status, wanted = obj.get("status", {}), obj.get("spec", {}).get("replicas", 1)
    counts = [f"{status.get('readyReplicas', 0)}/{wanted}", status.get("updatedReplicas", 0)]
    return [*counts, status.get("availableReplicas", 0), *_containers(obj)]


def _stateful_set(obj: Json) -> list[Any]:
    ready = obj.get("status", {}).get("readyReplicas", 0)
    return [f"{ready}/{obj.get('spec', {}).get('replicas', 1)}", *_containers(obj)[:2]]


def _replica_set(obj: Json) -> list[Any]:
    status = obj.get("status", {})
    counts = [
        obj.get("spec", {}).get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
    ]
    return [*counts, *_containers(obj)]


def _daemon_set(obj: Json) -> list[Any]:
    status = obj.get("status", {})
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    selector = obj.get("spec", {}).get("template", {}).get("spec", {}).get("nodeSelector") or {}
    shown = _list([f"{key}={value}" for key, value in selector.items()])
    return [*(status.get(name, 0) for name in names), shown, *_containers(obj)]


def _job(obj: Json) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    true = [row.get("type") for row in status.get("conditions") or () if row.get("status") == "True"]
    shown = next((kind for kind in ("Complete", "Failed", "Suspended") if kind in true), "Running")
    started, ended = status.get("startTime"), status.get("completionTime")
    lasted = age(started, _moment(ended)) if started and ended else ""
    wanted = spec.get("completions") or 1
    return [shown, f"{status.get('succeeded', 0)}/{wanted}", lasted, *_containers(obj)]


def _service(obj: Json) -> list[Any]:
    spec = obj.get("spec", {})
    ports = [f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or ()]
    external = spec.get("externalName") or NONE
    selector = _list([f"{key}={value}" for key, value in (spec.get("selector") or {}).items()])
    return [spec.get("type", "ClusterIP"), spec.get("clusterIP") or NONE, external, _list(ports), selector]


def _namespace(obj: Json) -> list[Any]:
    return [obj.get("status", {}).get("phase", "Active")]


def _node(obj: Json) -> list[Any]:
    conditions = obj.get("status", {}).get("conditions") or []
    ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
    prefix = "node-role.kubernetes.io/"
    roles = [
        key.removeprefix(prefix) for key in obj["metadata"].get("labels") or {} if key.startswith(prefix)
    ]
    version = obj.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return ["Ready" if ready else "NotReady", _list(roles), version]


def _counted(field: str) -> Cells:
    return lambda obj: [len(obj.get(field) or ())]


_WIDE = (("Containers", "string", 1), ("Images", "string", 1))
_AGE = ("Age", "string", 0)
_LAYOUTS: dict[str, Layout] = {
    "pods": Layout(
        (
            ("Ready", "string", 0),
            ("Status", "string", 0),
            ("Restarts", "string", 0),
            _AGE,
            ("IP", "string", 1),
            ("Node", "string", 1),
            ("Nominated Node", "string", 1),
            ("Readiness Gates", "string", 1),
        ),
        pod_cells,
    ),
    "deployments": Layout(
        (
            ("Ready", "string", 0),
            ("Up-to-date", "string", 0),
            ("Available", "string", 0),
            _AGE,
            *_WIDE,
            ("Selector", "string", 1),
        ),
        _deployment,
    ),
    "statefulsets": Layout((("Ready", "string", 0), _AGE, *_WIDE), _stateful_set),
    "replicasets": Layout(
        (
            ("Desired", "integer", 0),
            ("Current", "integer", 0),
            ("Ready", "integer", 0),
            _AGE,
            *_WIDE,
            ("Selector", "string", 1),
        ),
        _replica_set,
    ),
    "daemonsets": Layout(
        (
            ("Desired", "integer", 0),
            ("Current", "integer", 0),
            ("Ready", "integer", 0),
            ("Up-to-date", "integer", 0),
            ("Available", "integer", 0),
            ("Node Selector", "string", 0),
            _AGE,
            *_WIDE,
            ("Selector", "string", 1),
        ),
        _daemon_set,
    ),
    "jobs": Layout(
        (
            ("Status", "string", 0),
            ("Completions", "string", 0),
            ("Duration", "string", 0),
            _AGE,
            *_WIDE,
            ("Selector", "string", 1),
        ),
        _job,
    ),
    "services": Layout(
        (
            ("Type", "string", 0),
            ("Cluster-IP", "string", 0),
            ("External-IP", "string", 0),
            ("Port(s)", "string", 0),
            _AGE,
            ("Selector", "string", 1),
        ),
        _service,
    ),
    "namespaces": Layout((("Status", "string", 0), _AGE), _namespace),
    "nodes": Layout((("Status", "string", 0), ("Roles", "string", 0), _AGE, ("Version", "string", 0)), _node),
    "configmaps": Layout((("Data", "string", 0), _AGE), _counted("data")),
    "secrets": Layout(
        (("Type", "string", 0), ("Data", "integer", 0), _AGE),
        lambda obj: [obj.get("type", "Opaque"), len(obj.get("data") or ())],
    ),
    "mutatingwebhookconfigurations": Layout((("Webhooks", "integer", 0), _AGE), _counted("webhooks")),
    "validatingwebhookconfigurations": Layout((("Webhooks", "integer", 0), _AGE), _counted("webhooks")),
    "customresourcedefinitions": Layout(
        (("Created At", "date", 0),), lambda obj: [obj["metadata"].get("creationTimestamp")]
    ),
}
_PLAIN = Layout((_AGE,), lambda obj: [])


def _custom_layout(columns: tuple[Column, ...]) -> Layout:
    def cells(obj: Json) -> list[Any]:
        return [_at(obj, column.path) for column in columns]

    return Layout(tuple((c.name, c.type, c.priority) for c in columns), cells)


def _at(obj: Json, path: str) -> Any:
    """A printer column's JSONPath; only plain paths are followed."""
    value: Any = obj
    for part in re.findall(r"[^.\[\]]+", path):
        value = value.get(part) if isinstance(value, dict) else None
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else value


def column_definitions(resource: Resource, version: str) -> list[Json]:
    name = {"name": "Name", "type": "string", "format": "name", "description": NAME_HELP, "priority": 0}
    custom = {column.name: column.description for column in resource.columns.get(version, ())}
    return [name] + [
        {
            "name": title,
            "type": kind,
            "format": "",
            "description": custom.get(title, title),
            "priority": priority,
        }
        for title, kind, priority in _layout(resource, version).columns
    ]


def _layout(resource: Resource, version: str) -> Layout:
    if resource.custom:
        return _custom_layout(resource.columns.get(version, ()))
    return _LAYOUTS.get(resource.plural, _PLAIN)


def row(resource: Resource, version: str, stored: Stored, now: datetime, include: str) -> bytes:
    """One table row; `include` is the query's includeObject (None, Metadata, Object)."""
    obj = stored.object()
    layout = _layout(resource, version)
    cells = layout.cells(obj)
    created = age(obj["metadata"].get("creationTimestamp"), now)
    if resource.custom:
        cells = [
            created if kind == "date" and cell == obj["metadata"].get("creationTimestamp") else cell
            for cell, (_, kind, _) in zip(cells, layout.columns, strict=True)
        ]
    elif _AGE in layout.columns:
        cells.insert(layout.columns.index(_AGE), created)
    if include == "None":
        shown = b"null"
    elif include == "Object":
        shown = stored.encoded(resource.api_version(version), resource.kind)
    else:
        shown = metadata_only(stored)
    return b'{"cells":' + msgspec.json.encode([stored.name, *cells]) + b',"object":' + shown + b"}"
