"""Which control plane reads the objects of a namespace. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.mesh.derived import EachNamespace
from apps.mesh.meshconfig import (
    DEFAULT_REVISION,
    REVISION_LABEL,
    ControlPlane,
    MeshConfig,
    control_plane_for,
    control_planes,
)
from apps.mesh.snapshot import Snapshot

INPUTS = frozenset({"ConfigMap", "MutatingWebhookConfiguration", "Namespace", "Workload"})
NOWHERE = "*"
"""What no namespace is called: stands for those that have no object."""
_UNFOUND = ControlPlane(
    "", DEFAULT_REVISION, "", (), MeshConfig(outbound=None, unread=("No control plane was found.",))
)


def at_least(plane: ControlPlane, major: int, minor: int) -> bool | None:
    """Whether a control plane is of that version or later; None when its version is not known."""
    numbers = plane.version.split(".")[:2]
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):
        return None
    return (int(numbers[0]), int(numbers[1])) >= (major, minor)


@dataclass(frozen=True, slots=True)
class NamespacePlanes:
    """The control plane of each namespace. `others` is that of namespaces which have no object."""

    by_namespace: Mapping[str, ControlPlane]
    others: ControlPlane

    def of(self, namespace: str) -> ControlPlane:
        """The one of the revision that the namespace's labels ask for (`istio-injection` before
        `istio.io/rev`, as the webhooks have it); the default one, then any, for others. Where there
        is none at all, one with Istio's defaults whose `config.unread` says so."""
        return self.by_namespace.get(namespace, self.others)


def namespace_planes(snapshot: Snapshot) -> NamespacePlanes:
    """The control planes of the namespaces; ask for it through `snapshot.derived`."""
    others = _find(snapshot, NOWHERE)
    found = snapshot.parts(plane_of).items()
    return NamespacePlanes({name: plane for name, plane in found if plane is not others}, others)


def _find(snapshot: Snapshot, namespace: str) -> ControlPlane:
    known = snapshot.namespace(namespace)
    labels = known.labels if known is not None else {}
    wanted = "" if "istio-injection" in labels else labels.get(REVISION_LABEL, "")
    for revision in (wanted, ""):
        plane = control_plane_for(snapshot, revision, namespace)
        if plane is not None:
            return plane
    return next(iter(control_planes(snapshot)), _UNFOUND)


plane_of = EachNamespace(_find)
"""The control plane of each namespace that there is."""
