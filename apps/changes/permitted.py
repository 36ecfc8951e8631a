"""What the console may not write on a cluster, by its last check, before anybody approves anything.

Asks no cluster: the dry run does, and has the last word.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.clusters.models import Cluster
from apps.inventory.kinds import KINDS
from apps.mesh.patches import ManifestPatch, PatchAction

VERBS = {PatchAction.CREATE: "create", PatchAction.UPDATE: "patch", PatchAction.DELETE: "delete"}
PLURALS = {(kind.group, kind.kind): kind.plural for kind in KINDS}


def lacking(cluster: Cluster, patches: Iterable[ManifestPatch]) -> tuple[str, ...]:
    """A sentence for each permission that these patches need and the console was found not to have."""
    missing = {(row["group"], row["plural"], row["verb"]) for row in cluster.may_not}
    wanted = dict.fromkeys(_needed(patch) for patch in patches)
    return tuple(
        f"The console may not {verb} {plural}{'.' + group if group else ''} on {cluster.name}: this can be "
        "proposed, and its dry run will fail until the apply role of the cluster's page is granted."
        for group, plural, verb in wanted
        if (group, plural, verb) in missing
    )


def _needed(patch: ManifestPatch) -> tuple[str, str, str]:
    group = patch.api_version.rpartition("/")[0]
    return group, PLURALS.get((group, patch.ref.kind), ""), VERBS[patch.action]
