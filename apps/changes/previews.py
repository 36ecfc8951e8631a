"""What a remedy or a paste would write and change, before anything is proposed. Writes nothing.

Loads the last reading of the cluster; slow enough to be asked for only when somebody wants to see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apps.analysis.hosteditions import hostset_for
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.foresight import foresee
from apps.changes.permitted import lacking
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.ownership import keeper_of
from apps.mesh.patches import ManifestPatch
from apps.mesh.remedies import catalogue
from apps.mesh.remedies.base import ProposalError, Target


@dataclass(frozen=True, slots=True)
class Preview:
    """Patches with the prediction for them, as the plain JSON that a revision keeps."""

    summary: str
    warnings: tuple[str, ...]
    patches: tuple[ManifestPatch, ...]
    prediction: dict[str, Any]


def of_remedy(cluster: Cluster, remedy: str, target: Target) -> Preview:
    """Raises InvalidInputError (`no_remedy`) with the remedy's reason when it has nothing to propose."""
    snapshot = store.load(cluster)
    try:
        proposal = catalogue.propose(snapshot, hostset_for(cluster), remedy, target)
    except ProposalError as error:
        raise InvalidInputError(str(error), code="no_remedy") from error
    return _preview(cluster, proposal.patches, proposal.summary, proposal.warnings)


def of_paste(cluster: Cluster, text: str) -> Preview:
    """Raises InvalidInputError as `propose_yaml` does."""
    return _preview(cluster, patches_from(text, cluster), "", ())


def _preview(
    cluster: Cluster, patches: Sequence[ManifestPatch], summary: str, warnings: Sequence[str]
) -> Preview:
    prediction = foresee(cluster, patches).prediction
    told = dict.fromkeys((*warnings, *_kept(cluster, patches), *lacking(cluster, patches)))
    return Preview(summary, tuple(told), tuple(patches), prediction)


def _kept(cluster: Cluster, patches: Sequence[ManifestPatch]) -> Iterator[str]:
    """What will become of the patches, for every object that a GitOps tool keeps."""
    snapshot = store.load(cluster)
    for patch in patches:
        manifest = snapshot.manifest(patch.ref)
        keeper = keeper_of(manifest) if manifest is not None else None
        if keeper is not None:
            yield keeper.warning(patch.ref)
