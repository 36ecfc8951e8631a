"""Whether a workload's connections reach Envoy at all: the proxy in its pods and what is kept from it.

Follows tools/istio-iptables/pkg/capture/run.go (the order of exclusions and inclusions). Knows nothing
of Sidecars, services and policies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from ipaddress import ip_address

from apps.mesh.derived import EachNamespace
from apps.mesh.egress.proxyconfig import interception
from apps.mesh.hosts import network
from apps.mesh.injection import PROXY_CONTAINER, Injector, data_plane, revision_of
from apps.mesh.objects.config import ConfigMap
from apps.mesh.objects.workloads import PodGroup, PodTemplate, Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import DataPlane
from apps.mesh.snapshot import Snapshot
from apps.mesh.webhooks import mapping_of

PREFIX = "traffic.sidecar.istio.io/"
INTERCEPTION = "sidecar.istio.io/interceptionMode"
EVERYTHING = "*"
# Annotation, and the key of global.proxy in the injector's values that holds its default.
INCLUDED_RANGES = PREFIX + "includeOutboundIPRanges"
_SETTINGS = (
    (PREFIX + "excludeOutboundPorts", "excludeOutboundPorts"),
    (PREFIX + "excludeOutboundIPRanges", "excludeIPRanges"),
    (PREFIX + "includeOutboundPorts", "includeOutboundPorts"),
    (INCLUDED_RANGES, "includeIPRanges"),
)


class Plane(StrEnum):
    SIDECAR = "sidecar"
    AMBIENT = "ambient"
    HOST_NETWORK = "host network"
    OWN_PROXY = "mesh proxy"
    NO_PROXY = "no sidecar"
    UNKNOWN = "pods not readable"


@dataclass(frozen=True)
class Capture:
    """What iptables hands to Envoy. `given` names the annotations (or defaults) that say so."""

    exclude_ports: tuple[int, ...] = ()
    exclude_ranges: tuple[str, ...] = ()
    include_ports: tuple[int, ...] = ()
    include_ranges: tuple[str, ...] = (EVERYTHING,)
    intercepts: bool = True

    @cached_property
    def label(self) -> str:
        """What sets it apart from capturing everything; "" when nothing does."""
        parts = []
        if not self.intercepts:
            parts.append("no interception")
        for word, values in (
            ("excludes port", tuple(map(str, self.exclude_ports))),
            ("excludes", self.exclude_ranges),
            ("includes port", tuple(map(str, self.include_ports))),
            ("includes", () if self.include_ranges == (EVERYTHING,) else self.include_ranges or ("nothing",)),
        ):
            if values:
                parts.append(f"{word} {', '.join(values)}")
        return "; ".join(parts)

    def takes(self, port: int, ip: str) -> tuple[bool | None, str]:
        """Whether a connection goes to Envoy, and the setting that decided ("" for none); None when it
        depends on the address and that is not known (`ip` "")."""
        if not self.intercepts:
            return False, INTERCEPTION
        if port in self.exclude_ports or "*" in self.exclude_ranges:
            name = "excludeOutboundPorts" if port in self.exclude_ports else "excludeOutboundIPRanges"
            return False, PREFIX + name
        excluded = _inside(ip, self.exclude_ranges)
        if excluded:
            return False, PREFIX + "excludeOutboundIPRanges"
        if port in self.include_ports:
            taken: bool | None = True
        elif EVERYTHING in self.include_ranges:
            taken = True
        else:
            taken = _inside(ip, self.include_ranges)
        if excluded is None and taken is not False:
            return None, PREFIX + "excludeOutboundIPRanges"
        return taken, "" if taken else INCLUDED_RANGES


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the pods of a workload stand. `pod` is the one the verdict is for; `version` the proxy's."""

    plane: Plane
    pod: PodTemplate
    capture: Capture = Capture()
    revision: str = ""
    version: str = ""
    pods: int = 0
    unproxied: int = 0
    notes: tuple[str, ...] = ()
    missing: str = ""


@EachNamespace
def placements(snapshot: Snapshot, namespace: str) -> dict[ResourceRef, Placement]:
    """Where the pods of a namespace's workloads stand, by ref."""
    return {workload.ref: place(snapshot, workload) for workload in snapshot.workloads_in(namespace)}


def place(snapshot: Snapshot, workload: Workload) -> Placement:
    """The placement of a workload from its live pods; from its template and what injection would do
    where none run."""
    groups = workload.live_groups
    if not groups:
        return _without_pods(snapshot, workload)
    pods = sum([group.count for group in groups])
    proxied = [group for group in groups if _proxied(group.pod)]
    if proxied and all(_own_proxy(group.pod) for group in proxied):
        return Placement(Plane.OWN_PROXY, proxied[0].pod, pods=pods)
    if proxied:
        without = pods - sum([group.count for group in proxied])
        return _with_sidecar(snapshot, _largest(proxied).pod, pods, without, _notes(proxied, pods, without))
    pod = _largest(groups).pod
    return Placement(_bare(snapshot, workload, pod), pod, pods=pods)


def _largest(groups: Sequence[PodGroup]) -> PodGroup:
    return max(groups, key=lambda group: (group.count, group.samples)) if len(groups) > 1 else groups[0]


def _proxied(pod: PodTemplate) -> bool:
    return data_plane(pod) in {DataPlane.SIDECAR, DataPlane.NATIVE} and not pod.host_network


def _own_proxy(pod: PodTemplate) -> bool:
    """Gateways, waypoints and ztunnel: nothing but the proxy, serving others' traffic."""
    return {container.name for container in pod.containers} == {PROXY_CONTAINER}


def _bare(snapshot: Snapshot, workload: Workload, pod: PodTemplate) -> Plane:
    if data_plane(pod) is DataPlane.AMBIENT:
        return Plane.AMBIENT
    if pod.host_network:
        return Plane.HOST_NETWORK
    if Injector(snapshot).report(workload).ambient_expected:
        # In an ambient namespace ztunnel takes the pods; files rarely carry istio-cni's annotation.
        return Plane.AMBIENT
    return Plane.NO_PROXY


def _without_pods(snapshot: Snapshot, workload: Workload) -> Placement:
    pod = workload.template
    gap = snapshot.missing("Pod", workload.namespace)
    if gap is not None:
        missing = f"Pods of namespace {workload.namespace} could not be read: {gap.reason}"
        return Placement(Plane.UNKNOWN, pod, missing=missing)
    note = ("No pod runs now; this is the answer for the pods that the template would make.",)
    if _own_proxy(pod):
        return Placement(Plane.OWN_PROXY, pod, notes=note)
    if _proxied(pod):
        return _with_sidecar(snapshot, pod, 0, 0, note)
    report = Injector(snapshot).report(workload)
    if report.expected is None:
        missing = f"No pod runs, and injection is unclear: {report.reason}"
        return Placement(Plane.UNKNOWN, pod, missing=missing)
    if report.expected:
        return _with_sidecar(snapshot, pod, 0, 0, note, report.revision_expected)
    return Placement(_bare(snapshot, workload, pod), pod, notes=note)


def _with_sidecar(
    snapshot: Snapshot,
    pod: PodTemplate,
    pods: int,
    unproxied: int,
    notes: tuple[str, ...],
    revision: str = "",
) -> Placement:
    revision = revision or revision_of(pod)
    proxy = pod.container(PROXY_CONTAINER)
    image = proxy.image.partition("@")[0].rpartition("/")[2] if proxy is not None else ""
    return Placement(
        Plane.SIDECAR,
        pod,
        _capture(pod.annotations, _defaults(snapshot, revision)),
        revision,
        image.partition(":")[2].removesuffix("-distroless").removesuffix("-debug"),
        pods,
        unproxied,
        notes,
    )


def _notes(proxied: list[PodGroup], pods: int, without: int) -> tuple[str, ...]:
    notes = []
    if without:
        notes.append(f"{without} of {pods} pods run without the sidecar and bypass the mesh.")
    first = proxied[0].pod
    if any(g.pod.labels != first.labels or revision_of(g.pod) != revision_of(first) for g in proxied[1:]):
        notes.append("The pods differ in labels or revision; the answer is for the largest group of them.")
    return tuple(notes)


def _defaults(snapshot: Snapshot, revision: str) -> Mapping[str, str]:
    """global.proxy of the injector's values, for what the pod does not say itself."""
    name = "istio-sidecar-injector" if revision in {"", "default"} else f"istio-sidecar-injector-{revision}"
    return snapshot.derived(_injector_values).get(name, {})


def _injector_values(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for item in snapshot.each(ConfigMap):
        if item.name.startswith("istio-sidecar-injector"):
            values = mapping_of(item.data.get("values", "")) or {}
            everywhere = values.get("global")
            proxy = everywhere.get("proxy") if isinstance(everywhere, Mapping) else None
            if isinstance(proxy, Mapping):
                found[item.name] = {str(k): v for k, v in proxy.items() if isinstance(v, str)}
    return found


def _capture(annotations: Mapping[str, str], defaults: Mapping[str, str]) -> Capture:
    given = [annotations.get(key, defaults.get(default, "")) for key, default in _SETTINGS]
    asked = INCLUDED_RANGES in annotations
    mode = annotations.get(INTERCEPTION) or interception(annotations)
    return _capture_of(*given, asked=asked, intercepts=mode != "NONE")


@lru_cache(maxsize=1024)
def _capture_of(
    exclude_ports: str,
    exclude_ranges: str,
    include_ports: str,
    include_ranges: str,
    *,
    asked: bool,
    intercepts: bool,
) -> Capture:
    """The settings as they are written; `asked` is True where the pod itself names included ranges."""
    return Capture(
        exclude_ports=_ports(exclude_ports),
        exclude_ranges=_words(exclude_ranges),
        include_ports=_ports(include_ports),
        include_ranges=_words(include_ranges) if asked or include_ranges else (EVERYTHING,),
        intercepts=intercepts,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(sorted({word.strip() for word in text.split(",") if word.strip()}))


def _ports(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(word) for word in _words(text) if word.isdecimal() and len(word) < 6))


def _inside(ip: str, ranges: tuple[str, ...]) -> bool | None:
    """Whether an address is in one of the ranges; None when there are ranges and no address."""
    if not ranges:
        return False
    if not ip:
        return None
    address = ip_address(ip)
    found = [net for net in map(network, ranges) if net is not None]
    return any(net.version == address.version and address in net for net in found)
