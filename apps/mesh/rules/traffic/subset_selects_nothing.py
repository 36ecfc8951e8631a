"""A subset of a DestinationRule takes none of the endpoints of its host.

A subset holds the endpoints that carry all its labels. The labels are those of pods (or of the endpoints of
a ServiceEntry), not of Deployments. Without an endpoint, requests that a route sends to the subset get a 503
with the flag UH; this is an error where a VirtualService does so, and a hint otherwise, as nothing is lost.
Labels of place (`topology.kubernetes.io/zone`) are added by istiod and not looked at.

Where istiod's namespace names its network (`topology.istio.io/network`), the mesh is made for several
clusters, and the pods of a Service may be in one that is not seen from here: nothing is reported then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.derived import EachNamespace, steady
from apps.mesh.destinations import destinations, named
from apps.mesh.egress.services import RegistryService
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.inforce import in_force
from apps.mesh.knownhosts import INPUTS
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.networking import (
    DestinationRule,
    Service,
    ServiceEntry,
    VirtualService,
    WorkloadEntry,
)
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import WORKLOAD_KINDS
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.selection import backed, label_sets
from apps.mesh.snapshot import Snapshot

_OF_PLACE = ("topology.kubernetes.io/", "topology.istio.io/", "kubernetes.io/hostname", "istio-locality")
"""Beginnings of labels that istiod gives to endpoints (pilot/pkg/serviceregistry/util/label)."""
NETWORK = "topology.istio.io/network"
Labels = Mapping[str, str]


def judge(context: RuleContext, rule: DestinationRule) -> Iterator[Finding]:
    """One finding for each subset."""
    found = _labels(context, rule) if rule.subsets else None
    for place, subset in enumerate(rule.subsets if found else ()):
        wanted = {key: value for key, value in subset.labels.items() if not key.startswith(_OF_PLACE)}
        if any(is_subset(wanted, labels) for labels in found or ()):
            continue
        routed = context.snapshot.derived(_routed)
        used = (resolve_short_name(rule.host, rule.namespace), subset.name) in routed
        shown = listed(f"{key}={value}" for key, value in sorted(wanted.items()))
        effect = "so that routes to it fail with 503" if used else "and no route leads to it"
        yield RULE.finding(
            f"No endpoint of {rule.host} carries {shown}, {effect}. Correct the labels of subset "
            f"{subset.name}, label the pods, or remove the subset.",
            rule.ref,
            api_version=rule.api_version,
            severity=Severity.ERROR if used else Severity.INFO,
            path=f"spec.subsets[{place}].labels",
            key=subset.name,
        )


def _labels(context: RuleContext, rule: DestinationRule) -> list[Labels] | None:
    """The labels of every endpoint of the host; None where they are not all known, or there are none."""
    found: list[Labels] = []
    for service in named(context.snapshot, resolve_short_name(rule.host, rule.namespace), rule.namespace):
        own = _of_service(context, service)
        if own is None:
            return None
        found += own
    return found or None


def _of_service(context: RuleContext, service: RegistryService) -> list[Labels] | None:
    if not service.kubernetes:
        entry = context.snapshot.get(service.ref)
        if not isinstance(entry, ServiceEntry) or entry.workload_selector is not None:
            return None
        return [endpoint.labels for endpoint in entry.endpoints] or None
    if (
        service.external
        or context.snapshot.derived(_spans_clusters)
        or any(
            context.snapshot.missing(kind, service.namespace) for kind in (*WORKLOAD_KINDS, "WorkloadEntry")
        )
    ):
        return None
    behind = context.snapshot.parts(_behind).get(service.namespace, {})
    return [*behind.get(service.ref, ()), *_of_machines(context, service)] or None


@EachNamespace
def _behind(snapshot: Snapshot, namespace: str) -> dict[ResourceRef, tuple[Labels, ...]]:
    """The labels of the pods behind each Service of a namespace."""
    index = snapshot.part(backed, namespace)
    return {
        service.ref: tuple(labels for item in index.behind(service.ref) for labels in label_sets(item))
        for service in snapshot.each_in(Service, namespace)
    }


def _spans_clusters(snapshot: Snapshot) -> bool:
    """Whether the mesh is made for networks of several clusters."""
    homes = {plane.namespace for plane in control_planes(snapshot)}
    return any(NETWORK in item.labels for name, item in snapshot.namespaces.items() if name in homes)


def _of_machines(context: RuleContext, service: RegistryService) -> Iterator[Labels]:
    """Those of WorkloadEntries that the Service selects beside pods."""
    owner = context.snapshot.get(service.ref)
    selector = owner.selector if isinstance(owner, Service) else {}
    machines = context.snapshot.derived(_machines).get(service.namespace, ()) if selector else ()
    yield from (labels for labels in machines if is_subset(selector, labels))


def _machines(snapshot: Snapshot) -> dict[str, list[Labels]]:
    """The labels of WorkloadEntries by namespace."""
    found: dict[str, list[Labels]] = {}
    for entry in snapshot.each(WorkloadEntry):
        found.setdefault(entry.namespace, []).append(entry.labels)
    return found


@steady(lambda _change: True)
def _routed(snapshot: Snapshot) -> set[tuple[str, str]]:
    """The hosts and subsets that routes lead to."""
    routes = in_force(snapshot, VirtualService)
    return {(goal.host, goal.target.subset) for route in routes for goal in destinations(route)}


RULE = Rule(
    code="MC167",
    name="subset-selects-nothing",
    severity=Severity.ERROR,
    title="A subset takes no endpoint",
    inputs=INPUTS | {"DestinationRule", "VirtualService", "WorkloadEntry"},
    doc=__doc__ or "",
    check=OneByOne(DestinationRule, judge),
    references=("KIA0203", "IST0173"),
    no_remedy="Whether the labels of the subset or those of the pods are wrong cannot be seen.",
)
