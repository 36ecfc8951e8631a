"""Required hosts that are blocked where they are needed, sorted by the one cause of each.

The verdict is the egress engine's; here it is only asked what stands in the way, so that every cause
is reported once. Knows no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from apps.mesh.derived import Change, steady
from apps.mesh.egress import EgressEngine
from apps.mesh.egress.hostimports import host_imports
from apps.mesh.egress.memory import Row
from apps.mesh.hosts import subset_of
from apps.mesh.hostsets import HostSet, RequiredHost
from apps.mesh.meshconfig import control_plane_for, control_planes
from apps.mesh.needs import HostEntry, HostNeeds, Need, entries_for, flaws, may_name
from apps.mesh.objects.networking import EgressListener, ServiceEntry, Sidecar
from apps.mesh.objects.workloads import Workload
from apps.mesh.podplanes import revision_of
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_of
from apps.mesh.verdicts import EgressAnswer, Step
from apps.mesh.visibility import PUBLIC, effective_export, visible_to

VENDOR_DOMAIN = ".speedscale.com"
VENDOR_NAME = "speedscale"


class Cause(StrEnum):
    """Why a host is blocked: no ServiceEntry names it; those that do are wrong; none is exported to the
    namespace; the Sidecar imports none; something else that the evidence tells."""

    MISSING = "missing"
    FLAWED = "flawed"
    HIDDEN = "hidden"
    NOT_IMPORTED = "not-imported"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Blockage:
    """One blocked host of one need. `entry` is the ServiceEntry that would have opened it."""

    need: Need
    host: RequiredHost
    answer: EgressAnswer
    cause: Cause
    entry: ServiceEntry | None = None
    sidecar: Sidecar | None = None


@dataclass(frozen=True, slots=True)
class Stoppage:
    """One host that the mesh lets out for a need, and that `step` (its `ref` is the object) stops."""

    need: Need
    host: RequiredHost
    answer: EgressAnswer
    step: Step


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What stands between a workload and a host: the cause, with the objects it is about."""

    cause: Cause
    entry: ServiceEntry | None = None
    sidecar: Sidecar | None = None


def blockages(snapshot: Snapshot, hostset: HostSet) -> tuple[Blockage, ...]:
    """Every blocked host of every need, in the order of the needs and of the host set; the hosts are
    those that the need's installation dials by its settings. Ask for it through `snapshot.derived`."""
    return snapshot.derived(_Blockages, hostset).found


class _Blockages:
    """Blockages by need, each with the answers that they come from."""

    __slots__ = ("_parts", "_planes", "found", "hosts")

    def __init__(self, snapshot: Snapshot, hostset: HostSet, old: _Blockages | None = None) -> None:
        engine, self._planes = snapshot.derived(EgressEngine), control_planes(snapshot)
        old = old if old is not None and old._planes is self._planes else None
        dialled: dict[int, tuple[RequiredHost, ...]] = {}
        known = old._parts if old is not None else {}
        self._parts: dict[int, tuple[Need, Row, tuple[RequiredHost, ...], tuple[Blockage, ...]]] = {}
        for need, hosts, row in _rows(snapshot, hostset):
            dialled[id(hosts)], last = hosts, known.get(id(need))
            if last is not None and last[1] is row and last[2] == hosts:
                self._parts[id(need)] = last
                continue
            found = [
                _blockage(snapshot, engine, need, host, answer)
                for host, answer in zip(hosts, row, strict=True)
                if answer.verdict.blocked
            ]
            same = last is not None and list(last[3]) == found
            self._parts[id(need)] = last if last is not None and same else (need, row, hosts, tuple(found))
        self.hosts = frozenset(host for hosts in dialled.values() for host in hosts)
        every = (item for *_, items in self._parts.values() for item in items)
        as_before = old is not None and self._as(old)
        self.found: tuple[Blockage, ...] = old.found if old and as_before else tuple(every)

    def _as(self, old: _Blockages) -> bool:
        same = all(old._parts.get(key) is part for key, part in self._parts.items())
        return same and len(old._parts) == len(self._parts)

    @classmethod
    def after(cls, old: _Blockages, change: Change, snapshot: Snapshot, hostset: HostSet) -> _Blockages:
        """What blocks a need whose answers are as they were is what it was, while the control planes are the
        same and no entry for one of the hosts has changed. A Sidecar or a Namespace makes other needs."""
        changed = [item for pair in change.objects for item in pair if isinstance(item, ServiceEntry)]
        reached = any(entries_for(changed, host) for host in old.hosts)
        return cls(snapshot, hostset, old if not reached else None)


def _blockage(
    snapshot: Snapshot, engine: EgressEngine, need: Need, host: RequiredHost, answer: EgressAnswer
) -> Blockage:
    why = hindrance(snapshot, engine, need.workload, host, snapshot.derived(_named, host))
    return Blockage(need, host, answer, why.cause, why.entry, why.sidecar)


def _named(snapshot: Snapshot, host: RequiredHost) -> tuple[HostEntry, ...]:
    return entries_for(snapshot.each(ServiceEntry), host)


def stoppages(snapshot: Snapshot, hostset: HostSet) -> tuple[Stoppage, ...]:
    """Every host of every need that is stopped after the mesh let it out, in the same order."""
    return tuple(
        Stoppage(need, host, answer, answer.stopped)
        for need, hosts, row in _rows(snapshot, hostset)
        for host, answer in zip(hosts, row, strict=True)
        if answer.stopped is not None
    )


def _rows(snapshot: Snapshot, hostset: HostSet) -> Iterator[tuple[Need, tuple[RequiredHost, ...], Row]]:
    """Every need with the hosts that its installation dials, and the answers."""
    engine = snapshot.derived(EgressEngine)
    asking: dict[int, tuple[tuple[RequiredHost, ...], Callable[[Workload], Row]]] = {}  # by identity
    for need in snapshot.derived(HostNeeds).needs:
        if id(need.install) not in asking:
            hosts = hosts_of(snapshot, need.install, hostset).hosts
            asking[id(need.install)] = (hosts, engine.row_of(tuple(host.destination for host in hosts)))
        hosts, row_of = asking[id(need.install)]
        yield need, hosts, row_of(need.workload)


def hindrance(
    snapshot: Snapshot,
    engine: EgressEngine,
    workload: Workload,
    host: RequiredHost,
    named: tuple[HostEntry, ...],
) -> Hindrance:
    """Why a host is blocked for a workload; `named` are the entries that name it (`entries_for`)."""
    if not named:
        return Hindrance(Cause.MISSING)
    right = [item.entry for item in named if not item.flaws]
    if not right:
        return Hindrance(Cause.FLAWED, named[0].entry)
    default, namespace = export_defaults(snapshot, workload), workload.namespace
    visible = [entry for entry in right if _visible(entry, default, namespace)]
    if not visible:
        return Hindrance(Cause.HIDDEN, right[0])
    sidecar = sidecar_of(snapshot, engine, workload)
    if not any(_imports_entry(sidecar, namespace, entry, host) for entry in visible):
        return Hindrance(Cause.NOT_IMPORTED, visible[0], sidecar)
    return Hindrance(Cause.OTHER, visible[0], sidecar)


def sidecar_of(snapshot: Snapshot, engine: EgressEngine, workload: Workload) -> Sidecar | None:
    """The Sidecar in force for a workload."""
    ref = engine.scope_of(workload).sidecar
    found = snapshot.get(ref) if ref is not None else None
    return found if isinstance(found, Sidecar) else None


def imports(sidecar: Sidecar | None, namespace: str, owner: str, host: str, port: int) -> bool:
    """Whether workloads of `namespace` under this Sidecar import `host` of namespace `owner`."""
    if sidecar is None or not sidecar.egress:
        return True
    return any(_listener_imports(listener, namespace, owner, host, port) for listener in sidecar.egress)


def catch_all_index(sidecar: Sidecar) -> int | None:
    """The place in `spec.egress` of the listener without a port, which serves whatever is left."""
    found = [index for index, listener in enumerate(sidecar.egress) if listener.port is None]
    return found[-1] if found else None


def home_entry(snapshot: Snapshot, hostset: HostSet, namespace: str) -> ServiceEntry | None:
    """The ServiceEntry made for these hosts that is right in port, protocol and resolution and visible
    to all: the one with the most of them, the vendor's namespace first. None when there is none."""
    return snapshot.derived(_home_entry, hostset, namespace)


@steady(may_name)
def _home_entry(snapshot: Snapshot, hostset: HostSet, namespace: str) -> ServiceEntry | None:
    if not hostset.hosts:
        return None
    wildcard = next((host for host in hostset.hosts if host.host.startswith("*")), None)
    candidates = [
        (sum(host.host in entry.hosts for host in hostset.hosts), entry.namespace == namespace, entry)
        for entry in snapshot.each(ServiceEntry)
        if _made_for(entry, hostset)
        and not any(True for host in hostset.hosts[:1] for _ in flaws(entry, host.host, host))
        and (wildcard is None or not any(True for _ in flaws(entry, wildcard.host, wildcard)))
    ]
    candidates = [item for item in candidates if item[0]]
    return max(candidates, key=lambda item: (item[0], item[1], item[2].age_key))[2] if candidates else None


def export_defaults(snapshot: Snapshot, workload: Workload) -> tuple[str, ...]:
    """What an empty exportTo means to the proxies of a workload."""
    revision = next((rev for group in workload.live_groups if (rev := revision_of(group.pod))), "")
    plane = control_plane_for(snapshot, revision, workload.namespace)
    return plane.config.service_export_to if plane is not None else (PUBLIC,)


def by_cause(items: Iterable[Blockage], *causes: Cause) -> tuple[Blockage, ...]:
    return tuple(item for item in items if item.cause in causes)


def grouped_hosts(items: Iterable[Blockage]) -> Mapping[RequiredHost, tuple[Blockage, ...]]:
    """Blockages by host, in the order of the host set's tiers."""
    groups: dict[RequiredHost, list[Blockage]] = {}
    for item in items:
        groups.setdefault(item.host, []).append(item)
    ordered = sorted(groups, key=lambda host: host.tier.rank)
    return {host: tuple(groups[host]) for host in ordered}


def _visible(entry: ServiceEntry, default: tuple[str, ...], viewer: str) -> bool:
    return visible_to(effective_export(entry.export_to, default, entry.namespace), entry.namespace, viewer)


def _imports_entry(sidecar: Sidecar | None, namespace: str, entry: ServiceEntry, host: RequiredHost) -> bool:
    covering = (name for name in entry.hosts if subset_of(host.host, name))
    return any(imports(sidecar, namespace, entry.namespace, name, host.port) for name in covering)


def _listener_imports(listener: EgressListener, namespace: str, owner: str, host: str, port: int) -> bool:
    if listener.port is not None and listener.port.number != port:
        return False
    found = host_imports(listener, namespace)
    candidates = [found[name] for name in (owner, "*") if name in found]
    return any(item.takes(host) for item in candidates) and not any(i.excludes(host) for i in candidates)


def _made_for(entry: ServiceEntry, hostset: HostSet) -> bool:
    """Not every entry that names `gcr.io` is Speedscale's: it must carry the name, or the first host."""
    if entry.name.startswith(VENDOR_NAME) or hostset.hosts[0].host in entry.hosts:
        return True
    return any(f".{host.lstrip('*.')}".endswith(VENDOR_DOMAIN) for host in entry.hosts)
