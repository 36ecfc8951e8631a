"""Which Sidecar applies to a workload, and the groups of workloads that Istio treats alike.

Follows pilot/pkg/model/push_context.go (initSidecarScopes, getSidecarScope). Knows neither the
registry nor listeners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.mesh.objects.networking import Sidecar
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef


@dataclass(frozen=True, slots=True)
class EgressScope:
    """Workloads of one namespace whose egress Istio treats alike. `key` stays the same while what
    sets the scope apart does; `label` is for people."""

    key: str
    namespace: str
    label: str
    sidecar: ResourceRef | None
    representative: Workload
    workloads: tuple[ResourceRef, ...]


class SidecarIndex:
    """Sidecars by namespace, in Istio's order of precedence."""

    __slots__ = ("_by_namespace", "_root")

    def __init__(self, sidecars: Iterable[Sidecar], root_namespace: str) -> None:
        oldest_first = sorted(sidecars, key=lambda sidecar: sidecar.age_key)
        by_namespace: dict[str, list[Sidecar]] = {}
        for with_selector in (True, False):
            for sidecar in oldest_first:
                if (sidecar.workload_selector is not None) is with_selector:
                    by_namespace.setdefault(sidecar.namespace, []).append(sidecar)
        self._by_namespace = by_namespace
        self._root = next(
            (
                sidecar
                for sidecar in oldest_first
                if sidecar.namespace == root_namespace and sidecar.workload_selector is None
            ),
            None,
        )

    def effective(self, namespace: str, labels: Mapping[str, str]) -> Sidecar | None:
        """The one Sidecar in force: with a selector before without, the oldest first; then the root
        namespace's selectorless one; None where everything exported is visible. An empty selector
        matches every workload. Nothing is merged."""
        for sidecar in self._by_namespace.get(namespace, ()):
            selector = sidecar.workload_selector
            if selector is None or is_subset(selector, labels):
                return sidecar
        return self._root

    def of_namespace(self, namespace: str) -> tuple[Sidecar, ...]:
        return tuple(self._by_namespace.get(namespace, ()))

    def overlooked(self, namespace: str, labels: Mapping[str, str]) -> tuple[Sidecar, ...]:
        """Sidecars of the namespace that would also match, and lose to an older or narrower one."""
        chosen = self.effective(namespace, labels)
        return tuple(
            sidecar
            for sidecar in self._by_namespace.get(namespace, ())
            if sidecar is not chosen and is_subset(sidecar.workload_selector or {}, labels)
        )
