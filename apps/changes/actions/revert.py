"""Proposing to put back what a change found: a change set of its own, approved like any other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from apps.accounts.models import User
from apps.changes import intents
from apps.changes.actions.propose import TITLE_LIMIT, propose
from apps.changes.lifecycle import REVERTIBLE, State
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import current_revision
from apps.changes.waves import Plan, reversed_for
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError, WrongStateError
from apps.inventory import store
from apps.mesh.objects.workloads import WORKLOAD_KINDS
from apps.mesh.patches import ManifestPatch, PatchAction, stripped
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot


def revert(*, actor: User, change: ChangeSet, reason: str = "") -> ChangeSet:
    """What was created is deleted, what was deleted is created, what was changed gets its prior
    content. Raises WrongStateError, or InvalidInputError when nothing is left to put back."""
    if State(change.state) not in REVERTIBLE:
        raise WrongStateError(
            f"{change.number} is «{State(change.state).label}»: there is nothing to put back."
        )
    patches = patches_back(change)
    return propose(
        actor=actor,
        title=title_of(change),
        reason=reason or f"Puts back what {change.number} found.",
        patches=patches,
        parent=change,
        kind=ChangeSet.Kind.REVERT,
        plan=plan_back(change, patches),
    )


def title_of(change: ChangeSet) -> str:
    """How a revert of the change is called."""
    return f"Revert {change.number}: {change.title}"[:TITLE_LIMIT]


def plan_back(change: ChangeSet, patches: Mapping[Cluster, object]) -> Plan:
    """The waves of a revert: those of the change in reverse order, without a pause between them."""
    return reversed_for(current_revision(change).waves, {cluster.name for cluster in patches})


def patches_back(change: ChangeSet) -> dict[Cluster, list[ManifestPatch]]:
    """What puts back what the change found. Raises InvalidInputError."""
    patches: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    snapshots: dict[str, Snapshot] = {}
    written = current_revision(change).items.filter(result=ChangeItem.Result.APPLIED)
    for item in written.select_related("cluster"):
        snapshot = snapshots.setdefault(item.cluster.name, store.load(item.cluster))
        patch = _back(item, snapshot)
        if patch is not None:
            patches[item.cluster].append(patch)
    if not patches:
        raise InvalidInputError(f"Nothing of {change.number} is left to put back.", code="nothing_to_change")
    return patches


def _back(item: ChangeItem, snapshot: Snapshot) -> ManifestPatch | None:
    ref = ResourceRef(item.kind, item.namespace, item.name)
    now = snapshot.manifest(ref)
    prior = intents.unstamped(stripped(item.prior)) if item.prior else None
    if now is None:
        return (
            None if prior is None else ManifestPatch(PatchAction.CREATE, ref, item.api_version, None, prior)
        )
    # What admission made of a workload, as Speedscale's operator does, is undone by those who made it.
    asked_only = item.kind in WORKLOAD_KINDS
    written = item.desired if asked_only else item.dry_run.get("expected") or item.desired
    if prior is None:
        if written is None or not intents.same_content(now, written):
            raise InvalidInputError(f"{ref} was changed by others since it was created: decide by hand.")
        return ManifestPatch(PatchAction.DELETE, ref, item.api_version, now, None)
    if written is None:
        raise InvalidInputError(f"{ref} was deleted and is there again: decide by hand.")
    try:
        after = intents.laid_over(now, intents.unstamped(written), prior)
    except intents.IntentError as error:
        raise InvalidInputError(f"{ref} was changed by others since: {error}") from error
    if intents.same_content(now, after):
        return None
    return ManifestPatch(PatchAction.UPDATE, ref, item.api_version, now, after)
