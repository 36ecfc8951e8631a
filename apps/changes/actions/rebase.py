"""Laying a change over what is there now: a new revision on a fresh base, tried on the clusters again.

Only what the change itself changes is laid over; where somebody else changed the same thing since, a person
has to decide.
"""

from __future__ import annotations

from collections import defaultdict

from apps.accounts.models import User
from apps.changes import intents
from apps.changes.actions.edit import edit
from apps.changes.actions.submit import submit
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot


def rebase(*, actor: User, change: ChangeSet) -> ChangeSet:
    """The next revision, submitted; approvals so far are void. Raises InvalidInputError where somebody else
    changed the same (`conflict`), or when nothing is left to do; WrongStateError as `edit` and `submit`."""
    patches: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    snapshots: dict[str, Snapshot] = {}
    forced: set[tuple[str, ResourceRef]] = set()
    for item in current_revision(change).items.select_related("cluster").order_by("position"):
        snapshot = snapshots.setdefault(item.cluster.name, store.load(item.cluster))
        ref = ResourceRef(item.kind, item.namespace, item.name)
        patch = _rebased(item, ref, snapshot.manifest(ref))
        if patch is not None:
            patches[item.cluster].append(patch)
            if item.force:
                forced.add((item.cluster.name, ref))
    if not patches:
        raise InvalidInputError("The clusters already read like this.", code="nothing_to_change")
    return submit(actor=actor, change=edit(actor=actor, change=change, patches=patches, take_over=forced))


def _rebased(item: ChangeItem, ref: ResourceRef, now: Manifest | None) -> ManifestPatch | None:
    """The same wish on what the last reading holds; None when it is fulfilled already."""
    desired = intents.unstamped(item.desired) if item.desired is not None else None
    if item.action == ChangeItem.Action.DELETE:
        if now is not None and not intents.same_content(now, item.base or {}):
            raise _conflict(ref, "changed since, and this would delete it")
        return ManifestPatch(PatchAction.DELETE, ref, item.api_version, now, None) if now else None
    if now is None:
        if item.action == ChangeItem.Action.UPDATE:
            raise _conflict(ref, "is no longer there")
        return ManifestPatch(PatchAction.CREATE, ref, item.api_version, None, desired)
    if desired is None or intents.same_content(now, desired):
        return None
    if item.action == ChangeItem.Action.CREATE:
        raise _conflict(ref, "is there by now, and differs")
    try:
        after = intents.laid_over(now, intents.unstamped(item.base or {}), desired)
    except intents.IntentError as error:
        raise _conflict(ref, str(error)) from error
    if intents.same_content(now, after):
        return None
    return ManifestPatch(PatchAction.UPDATE, ref, item.api_version, now, after)


def _conflict(ref: ResourceRef, what: str) -> InvalidInputError:
    return InvalidInputError(f"{ref} {what}: edit the change by hand.", code="conflict")
