"""Leaving a cluster out of a draft on several: a new revision of the others."""

from __future__ import annotations

from collections import defaultdict

from apps.accounts.models import User
from apps.changes import drafts, duties
from apps.changes.actions.edit import edit
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from apps.mesh.patches import ManifestPatch
from apps.mesh.refs import ResourceRef


def leave_out(*, actor: User, change: ChangeSet, cluster: str) -> ChangeSet:
    """The next revision, without what the change writes on `cluster` and what its reason says of it. For
    those with a hand in it. Raises InvalidInputError (`cluster`) for one that is not in it or is its only
    one, PermissionDeniedError or WrongStateError."""
    if actor.pk not in duties.hands(change):
        raise PermissionDeniedError(f"Only those with a hand in {change.number} leave a cluster out.")
    if change.state != State.DRAFT:
        raise WrongStateError(f"{change.number} is no draft any more: edit it first.")
    revision = current_revision(change)
    kept: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    forced: set[tuple[str, ResourceRef]] = set()
    dropped = False
    for item in revision.items.select_related("cluster").order_by("position"):
        if item.cluster.name == cluster:
            dropped = True
            continue
        patch = drafts.patch_of(item)
        kept[item.cluster].append(patch)
        if item.force:
            forced.add((item.cluster.name, patch.ref))
    if not dropped:
        raise InvalidInputError(f"{change.number} writes nothing on {cluster}.", field="cluster")
    if not kept:
        raise InvalidInputError(
            f"{cluster} is the only cluster of {change.number}: withdraw it instead.", field="cluster"
        )
    out = [*revision.left_out, {"cluster": cluster, "why": f"{actor.username} left it out."}]
    reason = "\n".join(line for line in change.reason.split("\n") if not line.startswith(f"{cluster}: "))
    return edit(actor=actor, change=change, patches=kept, reason=reason, take_over=forced, left_out=out)
