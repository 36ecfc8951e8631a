"""Laying a change over what is there now: a new revision on a fresh base, tried on the clusters again.

Only what the change itself changes is laid over; where somebody else changed the same thing since, a person
has to decide.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from apps.accounts.models import User
from apps.changes import drafts, intents
from apps.changes.actions.edit import edit
from apps.changes.actions.submit import submit
from apps.changes.models import ChangeSet
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
        wish = drafts.patch_of(item)
        snapshot = snapshots.setdefault(item.cluster.name, store.load(item.cluster))
        patch = _rebased(wish, snapshot.manifest(wish.ref))
        if patch is not None:
            patches[item.cluster].append(patch)
            if item.force:
                forced.add((item.cluster.name, wish.ref))
    if not patches:
        raise InvalidInputError("The clusters already read like this.", code="nothing_to_change")
    return submit(actor=actor, change=edit(actor=actor, change=change, patches=patches, take_over=forced))


def _rebased(wish: ManifestPatch, now: Manifest | None) -> ManifestPatch | None:
    """The same wish on what the last reading holds; None when it is fulfilled already."""
    ref, desired = wish.ref, wish.after
    if wish.action is PatchAction.DELETE:
        if now is not None and not intents.same_content(now, wish.before or {}):
            raise _conflict(ref, "changed since, and this would delete it")
        return replace(wish, before=now) if now else None
    if now is None:
        if wish.action is PatchAction.UPDATE:
            raise _conflict(ref, "is no longer there")
        return replace(wish, before=None)
    if desired is None or intents.same_content(now, desired):
        return None
    if wish.action is PatchAction.CREATE:
        raise _conflict(ref, "is there by now, and differs")
    try:
        after = intents.laid_over(now, intents.unstamped(wish.before or {}), desired)
    except intents.IntentError as error:
        raise _conflict(ref, str(error)) from error
    if intents.same_content(now, after):
        return None
    return replace(wish, before=now, after=after)


def _conflict(ref: ResourceRef, what: str) -> InvalidInputError:
    return InvalidInputError(f"{ref} {what}: edit the change by hand.", code="conflict")
