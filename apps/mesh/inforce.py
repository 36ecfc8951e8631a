"""Which objects a control plane reads at all: those of discovered namespaces that no foreign revision
claims. Follows pkg/kube/namespace/filter.go and config.LabelsInRevision. Knows nothing of what they say.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.base import MeshObject
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.planes import NamespacePlanes
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import REVISION_LABEL, discovered, in_revision

M = TypeVar("M", bound=MeshObject)
INPUTS = PLANE_INPUTS


def in_force(snapshot: Snapshot, kind: type[M]) -> tuple[M, ...]:
    """Every object of a type that some control plane reads, ordered by ref."""
    return snapshot.derived(_in_force, kind)


def _in_force(snapshot: Snapshot, kind: type[M]) -> tuple[M, ...]:
    reads = snapshot.derived(InForce).reads
    return tuple(item for item in snapshot.each(kind) if reads(item))


class InForce:
    """Which objects istiod reads; ask for it through `snapshot.derived`."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS
    __slots__ = ("_discovered", "_planes", "_snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._planes = control_planes(snapshot)
        self._discovered: dict[str, bool] = {}

    def reads(self, item: MeshObject) -> bool:
        """Whether some control plane reads an object."""
        if item.namespace not in self._discovered:
            self._discovered[item.namespace] = self._is_discovered(item.namespace)
        if not self._discovered[item.namespace]:
            return False
        if not self._planes:
            return True
        return any(in_revision(item.labels, plane.revision) for plane in self._planes)

    def _is_discovered(self, namespace: str) -> bool:
        selectors = self._snapshot.derived(NamespacePlanes).of(namespace).config.discovery_selectors
        known = self._snapshot.namespaces.get(namespace)
        if known is None and self._snapshot.missing("Namespace"):
            return True
        return discovered(selectors, known.labels if known is not None else {})


def together(one: MeshObject, other: MeshObject) -> bool:
    """Whether one control plane may read both: neither names a revision, or both the same."""
    wanted = {item.labels.get(REVISION_LABEL, "") for item in (one, other)} - {""}
    return len(wanted) < 2
