"""Which objects a control plane reads at all: those of discovered namespaces that no foreign revision
claims. Follows pkg/kube/namespace/filter.go and config.LabelsInRevision. Knows nothing of what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from apps.mesh.derived import EachNamespace
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.objects.base import MeshObject
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.planes import NOWHERE, plane_of
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import REVISION_LABEL, discovered, in_revision

M = TypeVar("M", bound=MeshObject)
INPUTS = PLANE_INPUTS


def in_force(snapshot: Snapshot, kind: type[M]) -> tuple[M, ...]:
    """Every object of a type that some control plane reads, ordered by ref."""
    return snapshot.derived(_in_force, kind)


def _in_force(snapshot: Snapshot, kind: type[M]) -> tuple[M, ...]:
    known = snapshot.derived(in_force_of)
    return tuple(item for item in snapshot.each(kind) if known.reads(item))


@dataclass(frozen=True, slots=True)
class InForce:
    """Which objects istiod reads. `odd` are the namespaces that are discovered where those without an object
    (`others`) are not, or the other way round."""

    planes: tuple[ControlPlane, ...]
    others: bool
    odd: frozenset[str]

    def reads(self, item: MeshObject) -> bool:
        """Whether some control plane reads an object."""
        if (item.namespace in self.odd) is self.others:
            return False
        if not self.planes or not item.labels.get(REVISION_LABEL):
            return True
        return any(in_revision(item.labels, plane.revision, plane.tags) for plane in self.planes)


def in_force_of(snapshot: Snapshot) -> InForce:
    """Which objects istiod reads; ask for it through `snapshot.derived`."""
    others = _is_discovered(snapshot, NOWHERE)
    found = snapshot.parts(_discovered).items()
    return InForce(
        control_planes(snapshot), others, frozenset(name for name, seen in found if seen is not others)
    )


def _is_discovered(snapshot: Snapshot, namespace: str) -> bool:
    known = snapshot.namespace(namespace)
    if known is None and snapshot.missing("Namespace"):
        return True
    selectors = snapshot.part(plane_of, namespace).config.discovery_selectors
    return discovered(selectors, known.labels if known is not None else {})


_discovered = EachNamespace(_is_discovered)


def together(one: MeshObject, other: MeshObject) -> bool:
    """Whether one control plane may read both: neither names a revision, or both the same."""
    wanted = {item.labels.get(REVISION_LABEL, "") for item in (one, other)} - {""}
    return len(wanted) < 2
