"""Which workloads a selector takes, and which Services select a workload, without looking at all of them.

Istio selects pods: a workload is taken when any of its live pods is, and by its template where none runs.
Knows nothing of what the selecting objects want.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from apps.mesh.derived import EachNamespace
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


class NamespaceWorkloads:
    """The workloads of one namespace by label."""

    __slots__ = ("_workloads", "by_label")

    def __init__(self, workloads: tuple[Workload, ...]) -> None:
        self._workloads = workloads
        self.by_label: dict[_Pair, list[Workload]] = {}
        for workload in workloads:
            for pair in dict.fromkeys(pair for labels in label_sets(workload) for pair in labels.items()):
                self.by_label.setdefault(pair, []).append(workload)

    def selected(self, labels: Mapping[str, str] | None) -> tuple[Workload, ...]:
        """The workloads that have all the labels; all of them for no labels."""
        if not labels:
            return self._workloads
        return _carrying([self.by_label.get(pair, []) for pair in labels.items()], labels)

    def matching(self, selector: LabelSelector) -> tuple[Workload, ...]:
        """The workloads that Kubernetes' kind of selector takes."""
        found = self.selected(selector.match_labels)
        if not selector.expressions:
            return found
        return tuple(item for item in found if any(map(selector.matches, label_sets(item))))


@EachNamespace
def labelled(snapshot: Snapshot, namespace: str) -> NamespaceWorkloads:
    """The workloads of a namespace by label."""
    return NamespaceWorkloads(snapshot.workloads_in(namespace))


_NOBODY = NamespaceWorkloads(())


@EachNamespace
def _labels(snapshot: Snapshot, namespace: str) -> frozenset[_Pair]:
    return frozenset(snapshot.part(labelled, namespace).by_label)


def _spaces(snapshot: Snapshot) -> dict[_Pair, list[str]]:
    """The namespaces in which workloads carry a label."""
    found: dict[_Pair, list[str]] = {}
    for name, pairs in snapshot.parts(_labels).items():
        for pair in pairs:
            found.setdefault(pair, []).append(name)
    return found


class WorkloadIndex:
    """The workloads of a snapshot by namespace and by label; ask for it through `snapshot.derived`."""

    __slots__ = ("_parts", "_spaces")

    def __init__(self, snapshot: Snapshot) -> None:
        self._parts = snapshot.parts(labelled)
        self._spaces = snapshot.derived(_spaces)

    @property
    def namespaces(self) -> Collection[str]:
        """The namespaces that have workloads."""
        return [name for name, part in self._parts.items() if part.selected(None)]

    def of_namespace(self, namespace: str) -> tuple[Workload, ...]:
        """Every workload of a namespace, ordered by ref."""
        return self._parts.get(namespace, _NOBODY).selected(None)

    def selected(self, namespace: str, labels: Mapping[str, str] | None) -> tuple[Workload, ...]:
        """The workloads of a namespace that have all the labels; all of them for no labels."""
        return self._parts.get(namespace, _NOBODY).selected(labels)

    def anywhere(self, labels: Mapping[str, str]) -> tuple[Workload, ...]:
        """The workloads of all namespaces that have all the labels, as a Gateway selects."""
        if not labels:
            return tuple(item for part in self._parts.values() for item in part.selected(labels))
        names = min((self._spaces.get(pair, []) for pair in labels.items()), key=len)
        return tuple(item for name in names for item in self._parts[name].selected(labels))

    def matching(self, namespace: str, selector: LabelSelector) -> tuple[Workload, ...]:
        """The workloads of a namespace that Kubernetes' kind of selector takes."""
        return self._parts.get(namespace, _NOBODY).matching(selector)


@EachNamespace
def _has_pods(snapshot: Snapshot, namespace: str) -> bool:
    return any(workload.pods_total for workload in snapshot.workloads_in(namespace))


def any_pods(snapshot: Snapshot) -> bool:
    """Whether any pod is known; ask for it through `snapshot.derived`."""
    return any(snapshot.parts(_has_pods).values())


class NamespaceServices:
    """The Services of one namespace and the workloads behind them, both ways."""

    __slots__ = ("_services", "_workloads")

    def __init__(self, services: Iterable[Service], index: NamespaceWorkloads) -> None:
        self._workloads: dict[ResourceRef, tuple[Workload, ...]] = {}
        self._services: dict[ResourceRef, list[Service]] = {}
        for service in services:
            # A Service without a selector has endpoints that somebody else writes.
            found = index.selected(service.selector) if service.selector else ()
            self._workloads[service.ref] = found
            for workload in found:
                self._services.setdefault(workload.ref, []).append(service)

    def behind(self, service: ResourceRef) -> tuple[Workload, ...]:
        """The workloads whose pods a Service selects; none for one without a selector."""
        return self._workloads.get(service, ())

    def of(self, workload: Workload) -> tuple[Service, ...]:
        """The Services that select a workload, ordered by ref."""
        return tuple(self._services.get(workload.ref, ()))


@EachNamespace
def backed(snapshot: Snapshot, namespace: str) -> NamespaceServices:
    """The Services of a namespace and the workloads behind them."""
    return NamespaceServices(snapshot.each_in(Service, namespace), snapshot.part(labelled, namespace))


_NOTHING = NamespaceServices((), _NOBODY)


class ServiceIndex:
    """Services and the workloads behind them, both ways; ask for it through `snapshot.derived`."""

    __slots__ = ("_parts",)

    def __init__(self, snapshot: Snapshot) -> None:
        self._parts = snapshot.parts(backed)

    def behind(self, service: Service | ResourceRef) -> tuple[Workload, ...]:
        """The workloads whose pods a Service selects; none for one without a selector."""
        ref = service if isinstance(service, ResourceRef) else service.ref
        return self._parts.get(ref.namespace, _NOTHING).behind(ref)

    def of(self, workload: Workload) -> tuple[Service, ...]:
        """The Services that select a workload, ordered by ref."""
        return self._parts.get(workload.namespace, _NOTHING).of(workload)


def _carrying(postings: Iterable[list[Workload]], labels: Mapping[str, str]) -> tuple[Workload, ...]:
    """Of the rarest label's workloads those that have all labels on one pod."""
    rarest = min(postings, key=len)
    if len(labels) == 1:
        return tuple(rarest)
    return tuple(item for item in rarest if any(is_subset(labels, own) for own in label_sets(item)))
