"""Proposing once more what others have changed since: a change of its own, laid over what is there now."""

from __future__ import annotations

from collections import defaultdict

from apps.accounts.models import User
from apps.changes import drift, intents, watches
from apps.changes.actions.propose import TITLE_LIMIT, propose
from apps.changes.models import ChangeItem, ChangeSet, Watch
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError, WrongStateError
from apps.inventory import store
from apps.mesh.patches import ManifestPatch, PatchAction, stripped
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

TITLE = "Again: "


def propose_again(*, actor: User, change: ChangeSet) -> ChangeSet:
    """A draft that writes what has drifted as this change wrote it; what others did beside that stays. Raises
    WrongStateError when nothing has drifted, InvalidInputError, PermissionDeniedError."""
    drifted = watches.drifted(change)
    if not drifted:
        raise WrongStateError(watches.nothing_drifted(change) or "It was put back meanwhile.")
    patches: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    snapshots: dict[str, Snapshot] = {}
    for one in drifted:
        snapshot = snapshots.setdefault(one.cluster.name, store.load(one.cluster))
        patch = _again(one, snapshot)
        if patch is not None:
            patches[one.cluster].append(patch)
    if not patches:
        raise InvalidInputError("The clusters read as it was written.", code="nothing_to_change")
    return propose(
        actor=actor,
        title=f"{TITLE}{change.title.removeprefix(TITLE)}"[:TITLE_LIMIT],
        reason=f"{change.number} wrote this, and others have changed it since.",
        patches=patches,
    )


def _again(one: Watch, snapshot: Snapshot) -> ManifestPatch | None:
    ref, item = ResourceRef(one.kind, one.namespace, one.name), one.item
    now = snapshot.manifest(ref)
    if item.action == ChangeItem.Action.DELETE:
        return (
            ManifestPatch(PatchAction.DELETE, ref, item.api_version, now, None) if now is not None else None
        )
    desired = intents.unstamped(stripped(item.dry_run.get("expected") or item.desired or {}))
    if now is None:
        return ManifestPatch(PatchAction.CREATE, ref, item.api_version, None, desired)
    after = drift.put_back(one.kind, item.intent or {}, item.base or {}, desired, now)
    if intents.same_content(now, after):
        return None
    return ManifestPatch(PatchAction.UPDATE, ref, str(after["apiVersion"]), now, after)
