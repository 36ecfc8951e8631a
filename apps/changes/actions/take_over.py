"""Asking, in a new revision, to take over the fields that a dry run said belong to somebody else.

Nothing is taken by this: reviewers see the request as a high risk, and it is part of the digest.
"""

from __future__ import annotations

from collections import defaultdict

from apps.accounts.models import User
from apps.changes import intents
from apps.changes.actions.edit import edit
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision, is_contested
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.refs import ResourceRef


def take_over(*, actor: User, change: ChangeSet) -> ChangeSet:
    """The next revision: the same objects, with the contested ones marked. Raises InvalidInputError when
    the last dry run met no other owner."""
    patches: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    marked: set[tuple[str, ResourceRef]] = set()
    contested = False
    for item in current_revision(change).items.select_related("cluster").order_by("position"):
        ref = ResourceRef(item.kind, item.namespace, item.name)
        after = intents.unstamped(item.desired) if item.desired is not None else None
        action = PatchAction(item.action)
        patches[item.cluster].append(ManifestPatch(action, ref, item.api_version, item.base, after))
        conflict = is_contested(item)
        contested = contested or conflict
        if conflict or item.force:
            marked.add((item.cluster.name, ref))
    if not contested:
        raise InvalidInputError("The last dry run met no fields of another owner.", code="nothing_contested")
    return edit(actor=actor, change=change, patches=patches, take_over=marked)
