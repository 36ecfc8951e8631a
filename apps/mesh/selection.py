"""Which workloads a selector takes, and which Services select a workload, without looking at all of them.

Istio selects pods: a workload is taken when any of its live pods is, and by its template where none runs.
Knows nothing of what the selecting objects want.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from apps.mesh.objects.networking import Service
from apps.mesh.objects.selectors import LabelSelector, is_subset
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

_Pair = tuple[str, str]


def label_sets(workload: Workload) -> tuple[Mapping[str, str], ...]:
    """The labels that the workload's pods carry, each set once; its template's where no pod lives."""
    groups = workload.live_groups
    if not groups:
        return (workload.template.labels,)
    if len(groups) == 1:
        return (groups[0].pod.labels,)
    found = {tuple(sorted(group.pod.labels.items())): group.pod.labels for group in groups}
    return tuple(found.values())


class WorkloadIndex:
    """The workloads of a snapshot by namespace and by label; ask for it through `snapshot.derived`."""

    __slots__ = ("_by_label", "_by_namespace", "_everywhere")

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_namespace: dict[str, list[Workload]] = {}
        self._by_label: dict[tuple[str, _Pair], list[Workload]] = {}
        self._everywhere: dict[_Pair, list[Workload]] = {}
        for workload in snapshot.workloads:
            namespace = workload.namespace
            self._by_namespace.setdefault(namespace, []).append(workload)
            for pair in {pair for labels in label_sets(workload) for pair in labels.items()}:
                self._by_label.setdefault((namespace, pair), []).append(workload)
                self._everywhere.setdefault(pair, []).append(workload)

    @property
    def namespaces(self) -> Collection[str]:
        """The namespaces that have workloads."""
        return self._by_namespace.keys()

    def of_namespace(self, namespace: str) -> tuple[Workload, ...]:
        """Every workload of a namespace, ordered by ref."""
        return tuple(self._by_namespace.get(namespace, ()))

    def selected(self, namespace: str, labels: Mapping[str, str] | None) -> tuple[Workload, ...]:
        """The workloads of a namespace that have all the labels; all of them for no labels."""
        if not labels:
            return self.of_namespace(namespace)
        postings = [self._by_label.get((namespace, pair), []) for pair in labels.items()]
        return _carrying(postings, labels)

    def anywhere(self, labels: Mapping[str, str]) -> tuple[Workload, ...]:
        """The workloads of all namespaces that have all the labels, as a Gateway selects."""
        if not labels:
            return tuple(item for items in self._by_namespace.values() for item in items)
        return _carrying([self._everywhere.get(pair, []) for pair in labels.items()], labels)

    def matching(self, namespace: str, selector: LabelSelector) -> tuple[Workload, ...]:
        """The workloads of a namespace that Kubernetes' kind of selector takes."""
        found = self.selected(namespace, selector.match_labels)
        if not selector.expressions:
            return found
        return tuple(item for item in found if any(map(selector.matches, label_sets(item))))


class ServiceIndex:
    """Services and the workloads behind them, both ways; ask for it through `snapshot.derived`."""

    __slots__ = ("_services", "_workloads")

    def __init__(self, snapshot: Snapshot) -> None:
        index = snapshot.derived(WorkloadIndex)
        self._workloads: dict[ResourceRef, tuple[Workload, ...]] = {}
        self._services: dict[ResourceRef, list[Service]] = {}
        for service in snapshot.each(Service):
            # A Service without a selector has endpoints that somebody else writes.
            found = index.selected(service.namespace, service.selector) if service.selector else ()
            self._workloads[service.ref] = found
            for workload in found:
                self._services.setdefault(workload.ref, []).append(service)

    def behind(self, service: Service | ResourceRef) -> tuple[Workload, ...]:
        """The workloads whose pods a Service selects; none for one without a selector."""
        ref = service if isinstance(service, ResourceRef) else service.ref
        return self._workloads.get(ref, ())

    def of(self, workload: Workload) -> tuple[Service, ...]:
        """The Services that select a workload, ordered by ref."""
        return tuple(self._services.get(workload.ref, ()))


def _carrying(postings: Iterable[list[Workload]], labels: Mapping[str, str]) -> tuple[Workload, ...]:
    """Of the rarest label's workloads those that have all labels on one pod."""
    rarest = min(postings, key=len)
    if len(labels) == 1:
        return tuple(rarest)
    return tuple(item for item in rarest if any(is_subset(labels, own) for own in label_sets(item)))
