"""What a set of patches would do to one cluster, from its last complete reading. Touches the database
to load the snapshot and nothing to change it; asks no cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.analysis.hosteditions import hostset_for
from apps.changes.policy import Loss
from apps.clusters.models import Cluster
from apps.common import clock, collector
from apps.inventory import store
from apps.mesh import whatif
from apps.mesh.meshconfig import control_planes
from apps.mesh.patches import ManifestPatch
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in


@dataclass(frozen=True, slots=True)
class Foresight:
    """`prediction` is apps.mesh.whatif.Prediction as plain JSON, with the moment it was made (`made_at`)."""

    prediction: dict[str, Any]
    losses: tuple[Loss, ...]
    root_namespaces: frozenset[str]
    known_hosts: frozenset[str]


def foresee(
    cluster: Cluster, patches: Sequence[ManifestPatch], *, snapshot: Snapshot | None = None
) -> Foresight:
    """Simulates the patches on the cluster's last reading (or on `snapshot`)."""
    snapshot = snapshot or store.load(cluster)
    made_at, hostset = clock.now(), hostset_for(cluster)
    with collector.paused():
        prediction = whatif.predict(snapshot, patches, hostset)
    losses = tuple(
        Loss(cluster.name, lost.label, lost.workloads, lost.lost, lost.blocked)
        for lost in prediction.difference.newly_broken
    )
    return Foresight(
        prediction={**whatif.to_json(prediction), "made_at": made_at.isoformat()},
        losses=losses,
        root_namespaces=frozenset(plane.config.root_namespace for plane in control_planes(snapshot)),
        known_hosts=frozenset(
            entry.host
            for known in (snapshot.derived(hosts_in, hostset), *(one.hostset for one in hostset.beside))
            for entry in known.hosts
        ),
    )
