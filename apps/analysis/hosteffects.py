"""What an edition would do to a cluster if it were in force: which of its new hosts are blocked, and where.

Asked of the last reading of the cluster; asks no cluster and writes nothing. It takes a load of the whole
snapshot, so ask for it only when somebody wants to see it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.analysis import hosteditions
from apps.clusters.models import Cluster
from apps.common import collector
from apps.inventory import store
from apps.mesh.blockages import blockages
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import SPEEDSCALE, HostSet, RequiredHost
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class HostEffect:
    """A host that would count. `blocked` and `unknown` are numbers of egress scopes, `workloads` those in
    the blocked ones, `needing` the scopes of Speedscale's own pods and replays in which it is blocked."""

    host: RequiredHost
    blocked: int
    unknown: int
    workloads: int
    needing: int


@dataclass(frozen=True, slots=True)
class EditionEffect:
    """`hosts` are those that do not count now, or count with another protocol; `gone` those that would not
    count any more. `installed` is what the installations of this cluster would dial of the edition."""

    cluster: str
    scopes: int
    hosts: tuple[HostEffect, ...]
    gone: tuple[RequiredHost, ...]
    installed: int

    @property
    def to_open(self) -> int:
        """How many of the hosts are blocked somewhere."""
        return sum(bool(host.blocked) for host in self.hosts)


def effect(cluster: Cluster, hostset: HostSet) -> EditionEffect:
    """The effect of an edition on a cluster, against what is in force there."""
    snapshot = store.load(cluster)
    with collector.paused():
        return _effect(cluster.name, snapshot, _in_force(cluster, hostset.name), hostset)


def _in_force(cluster: Cluster, name: str) -> HostSet | None:
    found = hosteditions.hostset_for(cluster)
    if name == SPEEDSCALE:
        return replace(found, beside=())
    return next((one.hostset for one in found.beside if one.hostset.name == name), None)


def _effect(name: str, snapshot: Snapshot, now: HostSet | None, then: HostSet) -> EditionEffect:
    known = {host.destination: host for host in _dialled(snapshot, now)}
    dialled = _dialled(snapshot, then)
    fresh = [host for host in dialled if host.destination not in known]
    engine = snapshot.derived(EgressEngine)
    scopes = engine.scopes()
    rows = engine.rows(tuple(host.destination for host in fresh))
    needing = blockages(snapshot, then) if then.name == SPEEDSCALE else ()
    found = []
    for place, host in enumerate(fresh):
        answers = [(scope, answers[place]) for scope, answers in zip(scopes, rows, strict=True)]
        closed = [scope for scope, answer in answers if answer.verdict.blocked]
        found.append(
            HostEffect(
                host=host,
                blocked=len(closed),
                unknown=sum(answer.verdict is Verdict.UNKNOWN for _, answer in answers),
                workloads=sum(len(scope.workloads) for scope in closed),
                needing=len({item.need.scope_key for item in needing if item.host == host}),
            )
        )
    wanted = {host.destination for host in dialled}
    gone = tuple(host for destination, host in known.items() if destination not in wanted)
    return EditionEffect(name, len(scopes), tuple(found), gone, len(dialled))


def _dialled(snapshot: Snapshot, hostset: HostSet | None) -> tuple[RequiredHost, ...]:
    if hostset is None:
        return ()
    return (hosts_in(snapshot, hostset) if hostset.name == SPEEDSCALE else hostset).hosts
