"""Changes to manifests as values: create, update, delete; laid over a snapshot, shown, and sent.

Knows nothing of why a change is made, nor of the API server that will receive it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.mesh.admission import written
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.yamlwriter import to_yaml, to_yaml_documents

__all__ = [
    "FieldChange",
    "ManifestPatch",
    "PatchAction",
    "PatchError",
    "apply",
    "created",
    "deleted",
    "field_diff",
    "intent",
    "removed_fields",
    "stripped",
    "to_yaml",
    "to_yaml_documents",
    "updated",
]

SERVER_METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NEWEST = "9999-12-31T23:59:59Z"


class PatchAction(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class ManifestPatch:
    """One object's change. `before` is the manifest as it was read (None for a create), `after` what
    it shall be (None for a delete), both whole; `api_version` is the one to write with."""

    action: PatchAction
    ref: ResourceRef
    api_version: str
    before: Manifest | None
    after: Manifest | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`path` in the words of findings (`spec.hosts[2]`); None stands for absent."""

    path: str
    before: Any
    after: Any


class PatchError(ValueError):
    """A change that cannot be expressed; the message is a sentence for people."""


def apply(snapshot: Snapshot, patches: Iterable[ManifestPatch]) -> Snapshot:
    """The snapshot as it would be, with what follows from writing a workload. A created object counts as
    the newest, as it will on the cluster, because Istio lets the oldest of several win."""
    upserts: list[Manifest] = []
    deletes: list[ResourceRef] = []
    for patch in patches:
        if patch.after is None:
            deletes.append(patch.ref)
        else:
            upserts.append(_as_kept(patch.before, patch.after))
    after = snapshot.with_patched(upserts, deletes)
    made = [manifest for ref in map(ResourceRef.of, upserts) for manifest in written(snapshot, after, ref)]
    return after.with_patched(made) if made else after


def created(after: Manifest) -> ManifestPatch:
    """A patch that creates this object."""
    return ManifestPatch(PatchAction.CREATE, ResourceRef.of(after), _api_version(after), None, after)


def updated(before: Manifest, after: Manifest) -> ManifestPatch:
    """A patch that turns one manifest into the other. Raises PatchError when they are not one object."""
    ref = ResourceRef.of(after)
    if ResourceRef.of(before) != ref:
        raise PatchError(f"{ResourceRef.of(before)} cannot be turned into {ref}: they are different objects.")
    return ManifestPatch(PatchAction.UPDATE, ref, _api_version(after), before, after)


def deleted(before: Manifest) -> ManifestPatch:
    """A patch that removes this object."""
    return ManifestPatch(PatchAction.DELETE, ResourceRef.of(before), _api_version(before), before, None)


def stripped(manifest: Manifest) -> dict[str, Any]:
    """The manifest without what only the server writes (status, uid, managedFields, …) and without
    kubectl's copy of it: what one would keep in a repository."""
    body = {key: value for key, value in manifest.items() if key != "status"}
    metadata = manifest.get("metadata")
    if isinstance(metadata, Mapping):
        kept = {key: value for key, value in metadata.items() if key not in SERVER_METADATA}
        annotations = kept.get("annotations")
        if isinstance(annotations, Mapping):
            kept["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
            if not kept["annotations"]:
                del kept["annotations"]
        body["metadata"] = kept
    return body


def field_diff(before: Any, after: Any, path: str = "") -> tuple[FieldChange, ...]:
    """Every leaf that differs, by path. Lists are compared as wholes where they hold plain values and
    item by item where they hold mappings."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return tuple(
            change
            for key in (*before, *(key for key in after if key not in before))
            for change in field_diff(before.get(key), after.get(key), _join(path, key))
        )
    if _lists_of_mappings(before, after):
        length = max(len(before), len(after))
        return tuple(
            change
            for index in range(length)
            for change in field_diff(_at(before, index), _at(after, index), f"{path}[{index}]")
        )
    return () if before == after else (FieldChange(path, before, after),)


def intent(patch: ManifestPatch) -> dict[str, Any]:
    """What server-side apply must send so that fields of other parties stay theirs.

    A create sends the whole object. An update sends identity and the changed leaves only; a list
    that changed is sent whole, because every list of Istio's kinds but one is atomic (and that one,
    `ServiceEntry.spec.ports`, was atomic before Istio 1.24). A delete sends identity alone. Raises
    PatchError for a field that the change removes: leaving a field out of an apply does not remove
    what somebody else owns.
    """
    identity = _identity(patch)
    if patch.after is None:
        return identity
    after = stripped(patch.after)
    if patch.before is None:
        return after
    removed = removed_fields(patch)
    if removed:
        raise PatchError(
            f"{patch.ref}: {', '.join(removed)} would have to be removed, "
            "which an apply cannot do for fields that it does not own."
        )
    return _merged(identity, _changes(stripped(patch.before), after))


def removed_fields(patch: ManifestPatch) -> tuple[str, ...]:
    """The mapping fields that are in `before` and not in `after`; lists count as values."""
    if patch.before is None or patch.after is None:
        return ()
    return tuple(_removed(stripped(patch.before), stripped(patch.after), ""))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if key in before and old == value:
            continue
        found[key] = (
            _changes(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return found


def _removed(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterable[str]:
    for key, value in before.items():
        if key not in after or (after[key] is None and value is not None):
            yield _join(path, key)
        elif isinstance(value, Mapping) and isinstance(after[key], Mapping):
            yield from _removed(value, after[key], _join(path, key))


def _merged(identity: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {**identity["metadata"], **changes.get("metadata", {})}
    return {**identity, "metadata": metadata, **{key: changes[key] for key in changes if key != "metadata"}}


def _identity(patch: ManifestPatch) -> dict[str, Any]:
    metadata = {"name": patch.ref.name}
    if patch.ref.namespace:
        metadata["namespace"] = patch.ref.namespace
    return {"apiVersion": patch.api_version, "kind": patch.ref.kind, "metadata": metadata}


def _as_kept(before: Manifest | None, after: Manifest) -> Manifest:
    """`after` with what the server keeps: uid and creation time of `before`; a new object is the newest."""
    metadata = after.get("metadata")
    if not isinstance(metadata, Mapping):
        return after
    old = before.get("metadata") if before is not None else None
    kept = {k: v for k, v in old.items() if k in SERVER_METADATA} if isinstance(old, Mapping) else {}
    if before is None:
        kept = {"creationTimestamp": NEWEST}
    return {**after, "metadata": {**kept, **metadata}}


def _api_version(manifest: Manifest) -> str:
    return str(manifest.get("apiVersion") or "")


def _lists_of_mappings(before: Any, after: Any) -> bool:
    return all(
        isinstance(side, list | tuple) and all(isinstance(item, Mapping) for item in side)
        for side in (before, after)
    )


def _at(items: Any, index: int) -> Any:
    return items[index] if index < len(items) else None


def _join(path: str, key: Any) -> str:
    text = str(key)
    part = f"[{text}]" if any(mark in text for mark in "./[]") else text
    return f"{path}{part}" if part.startswith("[") or not path else f"{path}.{part}"
