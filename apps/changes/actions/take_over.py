"""Asking, in a new revision, to take over the fields that belong to somebody else.

Nothing is taken by this: reviewers see the request as a high risk, and it is part of the digest.
"""

from __future__ import annotations

from collections import defaultdict

from apps.accounts.models import User
from apps.changes import contested, drafts
from apps.changes.actions.edit import edit
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision, is_contested
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.mesh.patches import ManifestPatch
from apps.mesh.refs import ResourceRef


def take_over(*, actor: User, change: ChangeSet) -> ChangeSet:
    """The next revision: the same objects, with those marked that the last dry run or the last reading
    found contested. Raises InvalidInputError when both met no other owner."""
    patches: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    marked: set[tuple[str, ResourceRef]] = set()
    wanted = False
    items = list(current_revision(change).items.select_related("cluster").order_by("position"))
    met = contested.foreseen(items)
    for item in items:
        patch = drafts.patch_of(item)
        patches[item.cluster].append(patch)
        conflict = is_contested(item) or (item.pk in met and not item.force)
        wanted = wanted or conflict
        if conflict or item.force:
            marked.add((item.cluster.name, patch.ref))
    if not wanted:
        raise InvalidInputError(
            "Neither the last reading nor the last dry run met fields of another owner.",
            code="nothing_contested",
        )
    return edit(actor=actor, change=change, patches=patches, take_over=marked)
