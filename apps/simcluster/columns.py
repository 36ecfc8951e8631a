"""The columns of built-in kinds in tables, and what fills them.

One `Layout` a kind, in the order and words of the API server's own printers. It knows objects and no table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.simcluster.durations import UNKNOWN, age, human_duration, moment
from apps.simcluster.pod_columns import NONE, pod_cells
from apps.simcluster.schema import Json
from apps.simcluster.service_columns import (
    UNSET,
    endpoints_cells,
    listed,
    pairs,
    service_cells,
    slice_cells,
)

Cells = Callable[[Json, datetime], list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns and their cells; `Age` is filled in where there is one, and events do not begin with a name."""

    columns: tuple[tuple[str, str, int], ...]  # name, type, priority
    cells: Cells
    named: bool = True


def _containers(obj: Json) -> list[Any]:
    spec = obj.get("spec", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers") or []
    return [
        listed([item.get("name") for item in containers]),
        listed([item.get("image") for item in containers]),
        pairs((spec.get("selector") or {}).get("matchLabels")),
    ]


def _deployment(obj: Json, now: datetime) -> list[Any]:
    status, wanted = obj.get("status", {}), obj.get("spec", {}).get("replicas", 1)
    counts = [f"{status.get('readyReplicas', 0)}/{wanted}", status.get("updatedReplicas", 0)]
    return [*counts, status.get("availableReplicas", 0), *_containers(obj)]


def _stateful_set(obj: Json, now: datetime) -> list[Any]:
    ready = obj.get("status", {}).get("readyReplicas", 0)
    return [f"{ready}/{obj.get('spec', {}).get('replicas', 1)}", *_containers(obj)[:2]]


def _replica_set(obj: Json, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    wanted = obj.get("spec", {}).get("replicas", 1)
    return [wanted, status.get("replicas", 0), status.get("readyReplicas", 0), *_containers(obj)]


def _daemon_set(obj: Json, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    selector = obj.get("spec", {}).get("template", {}).get("spec", {}).get("nodeSelector")
    return [*(status.get(name, 0) for name in names), pairs(selector), *_containers(obj)]


_JOB_ENDS = {"Complete": "Complete", "Failed": "Failed", "Suspended": "Suspended"}


def _job(obj: Json, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    true = {item.get("type") for item in status.get("conditions") or () if item.get("status") == "True"}
    word = next((word for kind, word in _JOB_ENDS.items() if kind in true), "Running")
    if word == "Running" and "deletionTimestamp" in obj["metadata"]:
        word = "Terminating"
    wanted, parallel = spec.get("completions"), spec.get("parallelism") or 0
    of = str(wanted) if wanted is not None else f"1 of {parallel}" if parallel > 1 else "1"
    start, end = status.get("startTime"), status.get("completionTime")
    lasted = (moment(end) if end else now) - moment(start) if start else None
    span = human_duration(int(lasted.total_seconds())) if lasted is not None else ""
    return [word, f"{status.get('succeeded', 0)}/{of}", span, *_containers(obj)]


def _cron_job(obj: Json, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    suspend = spec.get("suspend")
    last = status.get("lastScheduleTime")
    return [
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "<unset>" if suspend is None else str(suspend),
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        *_containers(spec.get("jobTemplate") or {}),
    ]


def _quota(obj: Json, now: datetime) -> list[Any]:
    status = obj.get("status") or {}
    used, hard = status.get("used") or {}, status.get("hard") or {}
    rows = [(name, f"{name}: {used.get(name, 0)}/{hard[name]}") for name in sorted(hard)]
    return [
        ", ".join(text for name, text in rows if name.startswith("limits.") is limits)
        for limits in (False, True)
    ]


def _namespace(obj: Json, now: datetime) -> list[Any]:
    return [obj.get("status", {}).get("phase", "Active")]


def _node(obj: Json, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    ready = next((c.get("status") for c in status.get("conditions") or () if c.get("type") == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if obj.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))
    addresses = {item.get("type"): item.get("address") for item in status.get("addresses") or ()}
    info = status.get("nodeInfo") or {}
    wide = [info.get(name) or UNKNOWN for name in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    places = [addresses.get("InternalIP") or NONE, addresses.get("ExternalIP") or NONE]
    return [",".join(words), listed(roles), info.get("kubeletVersion", ""), *places, *wide]


def _event(obj: Json, now: datetime) -> list[Any]:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    target = str(about.get("kind", "")).lower()
    target += f"/{about['name']}" if about.get("name") else ""
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or first
    component = source.get("component") or obj.get("reportingComponent", "")
    who = ", ".join(filter(None, (component, source.get("host"))))
    count = series.get("count") or obj.get("count") or 1
    about_what = [
        obj.get("reason", ""),
        target,
        about.get("fieldPath", ""),
        who,
        str(obj.get("message", "")).strip(),
    ]
    return [age(last, now), obj.get("type", ""), *about_what, age(first, now), count, obj["metadata"]["name"]]


def _binding(obj: Json, now: datetime) -> list[Any]:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()

    def named(kind: str) -> str:
        found = [item for item in subjects if item.get("kind") == kind]
        if kind != "ServiceAccount":
            return ", ".join(str(item.get("name")) for item in found)
        return ", ".join(f"{item.get('namespace')}/{item.get('name')}" for item in found)

    people = [named(kind) for kind in ("User", "Group", "ServiceAccount")]
    return [f"{role.get('kind')}/{role.get('name')}", *people]


def _policy(obj: Json, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    kind = spec.get("paramKind")
    shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET
    return [len(spec.get("validations") or ()), shown]


def _policy_binding(obj: Json, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    reference = spec.get("paramRef") or {}
    named = f"{reference.get('namespace') or '*'}/{reference['name']}" if reference.get("name") else UNSET
    return [spec.get("policyName", ""), named]


def _created(obj: Json, now: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp")]


def _counted(field: str) -> Cells:
    return lambda obj, now: [len(obj.get(field) or ())]


def _secret(obj: Json, now: datetime) -> list[Any]:
    return [obj.get("type", "Opaque"), len(obj.get("data") or ())]


def _columns(plain: str, wide: str = "") -> tuple[tuple[str, str, int], ...]:
    """Columns from `Name:type` words; an underscore stands for a space and strings need no type."""
    found = []
    for priority, words in enumerate((plain, wide)):
        for word in words.split():
            name, _, kind = word.partition(":")
            found.append((name.replace("_", " "), kind or "string", priority))
    return tuple(found)


_WIDE = "Containers Images Selector"
_BINDING = Layout(_columns("Role Age", "Users Groups ServiceAccounts"), _binding)
_WEBHOOKS = Layout(_columns("Webhooks:integer Age"), _counted("webhooks"))
_EVENT_COLUMNS = (
    *_columns("Last_Seen Type Reason Object", "Subobject Source"),
    *_columns("Message", "First_Seen Count:integer Name"),
)
LAYOUTS: dict[str, Layout] = {
    "pods": Layout(
        _columns("Ready Status Restarts Age", "IP Node Nominated_Node Readiness_Gates"), pod_cells
    ),
    "deployments": Layout(_columns("Ready Up-to-date Available Age", _WIDE), _deployment),
    "statefulsets": Layout(_columns("Ready Age", "Containers Images"), _stateful_set),
    "replicasets": Layout(_columns("Desired:integer Current:integer Ready:integer Age", _WIDE), _replica_set),
    "daemonsets": Layout(
        _columns(
            "Desired:integer Current:integer Ready:integer Up-to-date:integer Available:integer "
            "Node_Selector Age",
            _WIDE,
        ),
        _daemon_set,
    ),
    "jobs": Layout(_columns("Status Completions Duration Age", _WIDE), _job),
    "cronjobs": Layout(
        _columns("Schedule Timezone Suspend Active:integer Last_Schedule Age", _WIDE), _cron_job
    ),
    "services": Layout(_columns("Type Cluster-IP External-IP Port(s) Age", "Selector"), service_cells),
    "endpoints": Layout(_columns("Endpoints Age"), endpoints_cells),
    "endpointslices": Layout(_columns("AddressType Ports Endpoints Age"), slice_cells),
    "resourcequotas": Layout(_columns("Request Limit Age"), _quota),
    "namespaces": Layout(_columns("Status Age"), _namespace),
    "nodes": Layout(
        _columns(
            "Status Roles Age Version", "Internal-IP External-IP OS-Image Kernel-Version Container-Runtime"
        ),
        _node,
    ),
    "events": Layout(_EVENT_COLUMNS, _event, named=False),
    "configmaps": Layout(_columns("Data Age"), _counted("data")),
    "secrets": Layout(_columns("Type Data:integer Age"), _secret),
    "serviceaccounts": Layout(_columns("Secrets Age"), _counted("secrets")),
    "roles": Layout(_columns("Created_At:date"), _created),
    "clusterroles": Layout(_columns("Created_At:date"), _created),
    "rolebindings": _BINDING,
    "clusterrolebindings": _BINDING,
    "validatingadmissionpolicies": Layout(_columns("Validations:integer ParamKind Age"), _policy),
    "validatingadmissionpolicybindings": Layout(_columns("PolicyName ParamRef Age"), _policy_binding),
    "mutatingwebhookconfigurations": _WEBHOOKS,
    "validatingwebhookconfigurations": _WEBHOOKS,
    "customresourcedefinitions": Layout(_columns("Created_At:date"), _created),
}
PLAIN = Layout(_columns("Age"), lambda obj, now: [])
