"""Which objects one control plane reads: those of discovered namespaces that no other revision claims.

Follows pkg/kube/namespace/filter.go and config.LabelsInRevision. Knows nothing of what they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.base import MeshObject
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import discovered, in_revision

M = TypeVar("M", bound=MeshObject)


@dataclass(frozen=True, slots=True)
class Reading:
    """`hidden` are the namespaces that the mesh's discoverySelectors leave out; with `only_known` all that
    are not `known` too."""

    plane: ControlPlane
    hidden: frozenset[str]
    known: frozenset[str]
    only_known: bool

    @classmethod
    def of(cls, snapshot: Snapshot, plane: ControlPlane) -> Reading:
        selectors = plane.config.discovery_selectors
        if not selectors:
            return cls(plane, frozenset(), frozenset(), False)
        known = snapshot.namespaces
        hidden = frozenset(name for name, item in known.items() if not discovered(selectors, item.labels))
        only_known = not discovered(selectors, {})
        return cls(plane, hidden, frozenset(known) if only_known else frozenset(), only_known)

    def reads(self, item: MeshObject) -> bool:
        hidden = item.namespace in self.hidden or (self.only_known and item.namespace not in self.known)
        return not hidden and in_revision(item.labels, self.plane.revision, self.plane.tags)

    def each(self, objects: Iterable[M]) -> list[M]:
        return [item for item in objects if self.reads(item)]
