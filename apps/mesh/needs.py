"""Who has to reach a product's hosts, and what in the configuration speaks of those hosts.

Speedscale's hosts are dialled by its control plane, where those pods stand behind a proxy, and by the
generator and responder pods that a replay starts in the namespaces of captured workloads. Nobody else:
a workload that is only captured talks to the forwarder. Decides no verdict; knows no rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from apps.mesh.capture import captured
from apps.mesh.derived import Change, EachNamespace
from apps.mesh.egress import INPUTS as ENGINE_INPUTS
from apps.mesh.egress import EgressEngine
from apps.mesh.hosts import is_wildcard, subset_of
from apps.mesh.hostsets import HostSet, RequiredHost
from apps.mesh.injection import PROXY_CONTAINER, data_plane, injected, injections
from apps.mesh.objects.networking import Port, ServiceEntry
from apps.mesh.objects.workloads import Container, PodGroup, PodTemplate, Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureKind, SpeedscaleInstall
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import installs, is_replay, serving
from apps.mesh.verdicts import Protocol

INPUTS = ENGINE_INPUTS | {"CustomResourceDefinition", "ValidatingWebhookConfiguration"}
REPLAY_WORKLOAD = "speedscale-responder"
REPLAY_CONTAINER = "responder"
REPLAY_LABELS = {"app": "responder"}
INJECTION_MARKS = ("sidecar.istio.io/status", "istio.io/rev")
SENDS_THROUGH_PROXY = frozenset({CaptureKind.SIDECAR, CaptureKind.EBPF_JAVA})
TLS_PROTOCOLS = frozenset({"TLS", "HTTPS"})
DNS_RESOLUTIONS = frozenset({"DNS", "DNS_ROUND_ROBIN"})


class NeedKind(StrEnum):
    CONTROL_PLANE = "control-plane"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Need:
    """Pods that must reach the hosts. `workload` is asked on their behalf: a real one, or for a replay
    that does not run the pods it would start. `scope_key` names its egress scope; `affected` are the
    workloads that stop working without the hosts."""

    kind: NeedKind
    install: SpeedscaleInstall
    namespace: str
    scope_key: str
    workload: Workload
    affected: tuple[ResourceRef, ...]


class FlawKind(StrEnum):
    PORT = "port"
    PROTOCOL = "protocol"
    RESOLUTION = "resolution"
    ENDPOINTS = "endpoints"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a ServiceEntry that names a host does not open it. `path` is the field."""

    kind: FlawKind
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A ServiceEntry that names a host (as such, or by a wildcard above it), with its flaws."""

    entry: ServiceEntry
    named: str
    flaws: tuple[Flaw, ...]


def host_needs(snapshot: Snapshot, engine: EgressEngine) -> tuple[Need, ...]:
    """Every need, one for each kind and egress scope, ordered by namespace. Empty when no pod of
    Speedscale stands behind a proxy and nothing behind one is captured."""
    replayed = snapshot.parts(_replayed).items()
    replays = [need for name, found in replayed if found for need in _replay_needs(engine, name, *found)]
    return _merged([*_control_plane_needs(snapshot, engine), *replays])


class HostNeeds:
    """The needs of a snapshot by its own engine; ask for it through `snapshot.derived`."""

    __slots__ = ("_control", "_replays", "needs")

    def __init__(self, snapshot: Snapshot, old: HostNeeds | None = None) -> None:
        engine = snapshot.derived(EgressEngine)
        known = old._replays if old is not None else {}
        self._control = tuple(_control_plane_needs(snapshot, engine))
        self._replays: dict[str, tuple[object, object, tuple[Need, ...]]] = {}
        for name, found in snapshot.parts(_replayed).items():
            if found is None:
                continue
            scopes, last = engine.scopes_in(name), known.get(name)
            if last is not None and last[0] is scopes and last[1] is found:
                self._replays[name] = last
            else:
                self._replays[name] = (scopes, found, tuple(_replay_needs(engine, name, *found)))
        replays = (need for _, _, needs in self._replays.values() for need in needs)
        same = old is not None and self._as(old)
        self.needs: tuple[Need, ...] = old.needs if old and same else _merged([*self._control, *replays])

    def _as(self, old: HostNeeds) -> bool:
        same = all(old._replays.get(name) is found for name, found in self._replays.items())
        return same and len(old._replays) == len(self._replays) and old._control == self._control

    @classmethod
    def after(cls, old: HostNeeds, change: Change, snapshot: Snapshot) -> HostNeeds:
        """What workloads of a namespace need is the same while they stand where they did and the same take
        part in replays."""
        return cls(snapshot, old)


def _merged(found: Iterable[Need]) -> tuple[Need, ...]:
    needs: dict[tuple[NeedKind, str], Need] = {}
    for need in found:
        known = needs.get((need.kind, need.scope_key))
        if known is None:
            needs[need.kind, need.scope_key] = need
        else:
            affected = (*known.affected, *(ref for ref in need.affected if ref not in known.affected))
            needs[need.kind, need.scope_key] = Need(
                known.kind, known.install, known.namespace, known.scope_key, known.workload, affected
            )
    return tuple(sorted(needs.values(), key=lambda need: (need.namespace, need.kind, need.scope_key)))


FlawedEntries = Mapping[tuple[ResourceRef, FlawKind], tuple[ServiceEntry, Flaw, tuple[RequiredHost, ...]]]
"""By entry and kind of flaw: the flaw, and the hosts that the entry names and does not open."""


def flawed_entries(entries: Iterable[ServiceEntry], hosts: Iterable[RequiredHost]) -> FlawedEntries:
    """The flaws of entries that name a host which no entry opens as it should."""
    entries = tuple(entries)
    wrong: dict[tuple[ResourceRef, FlawKind], tuple[ServiceEntry, Flaw, tuple[RequiredHost, ...]]] = {}
    for host in hosts:
        named = entries_for(entries, host)
        if not named or not named[0].flaws:
            continue
        for item in named:
            for flaw in item.flaws:
                key = (item.entry.ref, flaw.kind)
                entry, first, known = wrong.get(key, (item.entry, flaw, ()))
                wrong[key] = (entry, first, (*known, host))
    return wrong


def may_name(change: Change, hostset: HostSet, *_: object) -> bool:
    """Whether more than ServiceEntries changed, or one that names a host of the set."""
    if change.kinds != {"ServiceEntry"}:
        return True
    changed = [item for pair in change.objects for item in pair if isinstance(item, ServiceEntry)]
    return any(entries_for(changed, host) for host in hostset.hosts)


def entries_for(entries: Iterable[ServiceEntry], host: RequiredHost) -> tuple[HostEntry, ...]:
    """The ServiceEntries that name a host, those without a flaw first, else in the given order."""
    found = [
        HostEntry(entry, named, tuple(flaws(entry, named, host)))
        for entry in entries
        if (named := _named(entry, host.host)) is not None
    ]
    return tuple(sorted(found, key=lambda item: bool(item.flaws)))


def flaws(entry: ServiceEntry, named: str, host: RequiredHost) -> Iterator[Flaw]:
    """What keeps an entry from opening the host it names.

    Several ports are fine as long as one is right; `TCP` opens too much, but it opens.
    """
    at_port = [(index, port) for index, port in enumerate(entry.ports) if port.number == host.port]
    if not at_port:
        numbers = ", ".join(str(port.number) for port in entry.ports) or "no port"
        yield Flaw(FlawKind.PORT, "spec.ports", f"it opens {numbers} while clients dial {host.port}")
    elif not any(_carries(port, host.protocol) for _, port in at_port):
        index, port = at_port[0]
        yield Flaw(
            FlawKind.PROTOCOL,
            f"spec.ports[{index}].protocol",
            f"it declares port {host.port} as {port.protocol or 'nothing in particular'} "
            f"while clients send {host.protocol}",
        )
    if entry.endpoints or entry.workload_selector is not None:
        return
    if is_wildcard(named) and entry.resolution in DNS_RESOLUTIONS:
        text = f"resolution {entry.resolution} cannot look up the wildcard {named}; NONE can serve it"
        yield Flaw(FlawKind.RESOLUTION, "spec.resolution", text)
    if entry.resolution == "STATIC":
        text = "resolution STATIC has no endpoints to send the traffic to"
        yield Flaw(FlawKind.ENDPOINTS, "spec.resolution", text)
    if entry.location == "MESH_INTERNAL":
        text = "location MESH_INTERNAL lets the proxy speak mutual TLS to a host that does not know it"
        yield Flaw(FlawKind.LOCATION, "spec.location", text)


def _carries(port: Port, protocol: Protocol) -> bool:
    declared = port.protocol.upper()
    if declared == "TCP":
        return True
    return declared in TLS_PROTOCOLS if protocol is Protocol.TLS else declared not in TLS_PROTOCOLS


def _named(entry: ServiceEntry, host: str) -> str | None:
    """The entry's host that stands for all of `host`: the same one, else the narrowest wildcard."""
    covering = [name for name in entry.hosts if subset_of(host, name)]
    return max(covering, key=len) if covering else None


@EachNamespace
def senders(snapshot: Snapshot, namespace: str) -> tuple[Workload, ...]:
    """The captured workloads of a namespace that send what they record through their own proxy."""
    places, reports = snapshot.part(injected, namespace), snapshot.part(captured, namespace)
    found = zip(snapshot.workloads_in(namespace), reports, places, strict=True)
    return tuple(
        workload
        for workload, report, place in found
        if place.meshed and SENDS_THROUGH_PROXY & {report.expected, report.actual}
    )


def _control_plane_needs(snapshot: Snapshot, engine: EgressEngine) -> Iterator[Need]:
    reports = snapshot.derived(injections)
    for install in snapshot.derived(installs):
        for component in install.components:
            workload = snapshot.workload(component.ref.namespace, component.ref.name, component.ref.kind)
            if workload is None or not reports[component.ref].meshed or install.kind == "remnant":
                continue
            key = engine.scope_of(workload).key
            yield Need(NeedKind.CONTROL_PLANE, install, workload.namespace, key, workload, (workload.ref,))


@EachNamespace
def _replayed(snapshot: Snapshot, namespace: str) -> tuple[SpeedscaleInstall, tuple[Workload, ...]] | None:
    """Who would replay in a namespace, and the workloads that take part."""
    places, reports = snapshot.part(injected, namespace), snapshot.part(captured, namespace)
    taking = tuple(
        workload
        for workload, report, place in zip(snapshot.workloads_in(namespace), reports, places, strict=True)
        if place.meshed and (report.wanted or report.mocked or is_replay(workload))
    )
    install = serving(snapshot.derived(installs), namespace) if taking else None
    return (install, taking) if install is not None else None


def _replay_needs(
    engine: EgressEngine, namespace: str, install: SpeedscaleInstall, workloads: tuple[Workload, ...]
) -> Iterator[Need]:
    running = [workload for workload in workloads if is_replay(workload)]
    affected = tuple(workload.ref for workload in workloads if workload not in running)
    for workload in running or [_imagined_replay(namespace, workloads[0])]:
        scope = engine.scope_of(workload)
        # Istio treats all workloads of a scope alike, so one that is there can answer for it.
        asked = scope.representative if workload.ref not in scope.workloads else workload
        yield Need(NeedKind.REPLAY, install, namespace, scope.key, asked, affected)


def _imagined_replay(namespace: str, neighbour: Workload) -> Workload:
    """The pods that a replay would start here, behind the same revision's proxy as a neighbour."""
    like = next((group.pod for group in neighbour.live_groups if data_plane(group.pod).proxied), None)
    pod = PodTemplate(
        labels={**REPLAY_LABELS, **_only(like.labels if like is not None else {})},
        annotations=_only(like.annotations if like is not None else {}),
        containers=(Container(REPLAY_CONTAINER), Container(PROXY_CONTAINER)),
    )
    return Workload(
        ref=ResourceRef("Deployment", namespace, REPLAY_WORKLOAD),
        template=pod,
        pod_groups=(PodGroup(pod),),
        observed=False,
    )


def _only(marks: Mapping[str, str]) -> dict[str, str]:
    """What injection wrote, by which a pod's revision is known."""
    return {key: marks[key] for key in INJECTION_MARKS if key in marks}
