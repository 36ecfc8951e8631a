"""Trying one item on its cluster without writing: what would be there, and what stands in the way.

Reads the cluster through the gateway and changes nothing, neither there nor in the database. Used when
a change is submitted and again right before it is written; errors that another try may mend are raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.changes import intents
from apps.changes.models import ChangeItem
from apps.clusters.gateway import (
    AccessCheck,
    Cause,
    ClusterGateway,
    FieldConflictError,
    GatewayError,
    NotFoundError,
    Resource,
)
from apps.mesh.ownership import keeper_of
from apps.mesh.patches import field_diff, stripped
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.wording import listed

ISTIO_GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io")
PARTS = {
    "metadata.labels": "labels",
    "metadata.annotations": "annotations",
    "spec.template": "pod template",
}
SHOWN_FIELDS = 5
LIST_ITEM = re.compile(r"\[\d+\]$")


@dataclass(frozen=True, slots=True)
class Tried:
    """`ok` with `expected` (None for a delete), or not with `message` and `causes`.

    `base`, `intent` and `desired` are what the write will rest on and consist of from now on, read
    from the cluster itself; `noop` says that nothing would change.
    """

    ok: bool
    message: str = ""
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    noop: bool = False
    expected: Mapping[str, Any] | None = None
    base: Mapping[str, Any] | None = None
    base_uid: str = ""
    base_resource_version: str = ""
    intent: Mapping[str, Any] | None = None
    desired: Mapping[str, Any] | None = None
    stale: bool = False


def resource_for(gateway: ClusterGateway, item: ChangeItem) -> Resource | None:
    """What the cluster serves for this item's apiVersion and kind; None when it serves no such thing."""
    group = item.api_version.rpartition("/")[0]
    served = gateway.resources([group])
    return next((r for r in served if r.api_version == item.api_version and r.kind == item.kind), None)


def forbidden_verbs(gateway: ClusterGateway, resource: Resource, item: ChangeItem) -> tuple[str, ...]:
    """The verbs that the console's identity lacks for this write."""
    verbs = {"create": ("get", "create", "patch"), "update": ("get", "patch"), "delete": ("get", "delete")}
    wanted = verbs[item.action]
    checks = [
        AccessCheck(verb, resource.group, resource.plural, item.namespace, item.name) for verb in wanted
    ]
    return tuple(verb for verb, ok in zip(wanted, gateway.allowed(checks), strict=True) if not ok)


def attempt(gateway: ClusterGateway, resource: Resource, item: ChangeItem) -> Tried:
    """Reads the object, lays the change over it and asks the server. Permanent refusals come back as
    `Tried`; transient errors are raised as GatewayError."""
    try:
        live = read(gateway, resource, item)
        if item.action == ChangeItem.Action.CREATE:
            return _create(gateway, resource, item, live)
        if live is None:
            return Tried(False, f"{named(item)} is no longer there.", stale=True)
        if (live.get("metadata") or {}).get("deletionTimestamp"):
            return Tried(False, f"{named(item)} is being deleted.", stale=True)
        if item.action == ChangeItem.Action.DELETE:
            return _delete(gateway, resource, item, live)
        return _update(gateway, resource, item, live)
    except intents.IntentError as error:
        return Tried(False, f"{named(item)}: {error}", stale=True)
    except FieldConflictError as error:
        return Tried(False, conflict_sentence(item, error), error.causes)
    except GatewayError as error:
        if not error.permanent:
            raise
        return Tried(False, f"{named(item)}: {error.message}", error.causes)


def read(gateway: ClusterGateway, resource: Resource, item: ChangeItem) -> dict[str, Any] | None:
    """The object as it is on the cluster, None when it is not there."""
    try:
        return gateway.get(resource, item.namespace, item.name)
    except NotFoundError:
        return None


def preconditioned(intent: Mapping[str, Any], uid: str, resource_version: str) -> dict[str, Any]:
    """The intent with what must still be true when it arrives: "0" means that nothing is there."""
    guard = {"uid": uid} if uid else {}
    metadata = {**intent["metadata"], **guard, "resourceVersion": resource_version}
    return {**intent, "metadata": metadata}


def conflict_sentence(item: ChangeItem, error: FieldConflictError) -> str:
    """Who owns what, and the two ways out."""
    fields = ", ".join(cause.field for cause in error.causes) or "fields"
    owners = "; ".join(dict.fromkeys(cause.message for cause in error.causes if cause.message))
    return (
        f"{named(item)}: {fields} belong to somebody else ({owners or error.message}). Have them make the "
        "change, or edit this one and ask to take the fields over; reviewers will see that."
    )


def _create(
    gateway: ClusterGateway, resource: Resource, item: ChangeItem, live: Mapping[str, Any] | None
) -> Tried:
    if live is not None:
        return Tried(False, f"{named(item)} is there already: propose a change of it.", stale=True)
    intent = dict(item.intent or {})
    answer = gateway.apply(resource, preconditioned(intent, "", "0"), dry_run=True, force=item.force)
    problem, added = _unlike(answer.manifest, item.desired or {})
    return Tried(
        ok=not problem,
        message=problem and f"{named(item)}: {problem}",
        warnings=(*answer.warnings, *added),
        expected=answer.manifest,
        base_resource_version="0",
        intent=intent,
        desired=item.desired,
    )


def _update(gateway: ClusterGateway, resource: Resource, item: ChangeItem, live: Mapping[str, Any]) -> Tried:
    base, desired = item.base or {}, item.desired or {}
    if resource.group in ISTIO_GROUPS and not intents.same_content(live, base):
        return Tried(False, f"{named(item)} {_moved(base, live)}", stale=True)
    op = intents.operation_of(desired)
    goal = intents.stamped(intents.laid_over(live, intents.unstamped(base), intents.unstamped(desired)), op)
    metadata = live.get("metadata") or {}
    intent = intents.intent_for(live, goal, managed_fields=metadata.get("managedFields") or ())
    uid, version = str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or "")
    answer = gateway.apply(resource, preconditioned(intent, uid, version), dry_run=True, force=item.force)
    if resource.group in ISTIO_GROUPS:
        problem, added = _unlike(answer.manifest, goal)
    else:
        problem, added = _overruled(live, goal, answer.manifest)
    return Tried(
        ok=not problem,
        message=problem and f"{named(item)}: {problem}",
        warnings=(*answer.warnings, *_gitops(live), *added),
        noop=intents.same_content(answer.manifest, live),
        expected=answer.manifest,
        base=stripped(live),
        base_uid=uid,
        base_resource_version=version,
        intent=intent,
        desired=goal,
    )


def _delete(gateway: ClusterGateway, resource: Resource, item: ChangeItem, live: Mapping[str, Any]) -> Tried:
    if not intents.same_content(live, item.base or {}):
        return Tried(False, f"{named(item)} {_moved(item.base or {}, live)}", stale=True)
    metadata = live.get("metadata") or {}
    uid, version = str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or "")
    gateway.delete(resource, item.namespace, item.name, uid=uid, resource_version=version, dry_run=True)
    warnings = list(_gitops(live))
    if metadata.get("finalizers"):
        warnings.append("The object has finalizers: it goes when their owners let it go.")
    return Tried(
        ok=True,
        warnings=tuple(warnings),
        base=stripped(live),
        base_uid=uid,
        base_resource_version=version,
    )


def _moved(base: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    before, now = intents.unstamped(stripped(base)), intents.unstamped(stripped(live))
    return f"changed since this was proposed ({_paths(field_diff(before, now))}). Propose it again."


def _unlike(expected: Mapping[str, Any], desired: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    changes = field_diff(stripped(desired), stripped(expected))
    against = [c for c in changes if c.before is not None or LIST_ITEM.search(c.path)]
    if against:
        return f"the server would not write it as asked ({_paths(against)}).", ()
    return "", (f"The server adds {_paths(changes)}.",) if changes else ()


def _overruled(
    live: Mapping[str, Any], desired: Mapping[str, Any], expected: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    """Whether what was asked for is written to a workload. What admission does to it besides, as Speedscale's
    operator does, is said and stands in what is approved."""
    asked = [change.path for change in field_diff(stripped(live), stripped(desired))]
    besides = field_diff(stripped(desired), stripped(expected))
    against = [c for c in besides if c.before is not None and touches(c.path, asked)]
    if against:
        return f"the server would not write it as asked ({_paths(against)}).", ()
    parts = dict.fromkeys(_part(change.path) for change in besides)
    return "", (f"Admission changes its {listed(parts)} as well.",) if parts else ()


def _part(path: str) -> str:
    """The part of a workload that a field belongs to."""
    return next((word for start, word in PARTS.items() if path.startswith(start)), path)


def touches(path: str, others: Sequence[str]) -> bool:
    """Whether a field is one of the others, lies in one, or holds one."""
    return any(path.startswith(other) or other.startswith(path) for other in others)


def _paths(changes: Sequence[Any]) -> str:
    names = [change.path or "everything" for change in changes]
    more = f" and {len(names) - SHOWN_FIELDS} more" if len(names) > SHOWN_FIELDS else ""
    return ", ".join(names[:SHOWN_FIELDS]) + more


def _gitops(live: Mapping[str, Any]) -> tuple[str, ...]:
    keeper = keeper_of(live)
    return (keeper.warning(ResourceRef.of(live)),) if keeper is not None else ()


def named(item: ChangeItem) -> str:
    """The object and where it lies, for sentences."""
    return f"{item.kind} {item.namespace}/{item.name} on {item.cluster.name}"
