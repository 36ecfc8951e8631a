"""A Sidecar does not import Speedscale's namespace, so captured data cannot leave the pods.

A Sidecar object lists, in `egress[].hosts`, which services the proxies of its workloads know; under
`REGISTRY_ONLY` everything else is unreachable. Speedscale's proxy in a captured pod sends what it has
recorded to `speedscale-forwarder` in Speedscale's namespace, through Istio's proxy of the same pod. If
the list holds neither `*/*` nor `speedscale/*`, the pod is ready, all containers run, and no traffic
ever arrives. The same import brings in a ServiceEntry that lives in Speedscale's namespace, which the
pods of a replay need.

Add `speedscale/*` to the list that is there. Never put the example of Speedscale's page over an
existing Sidecar: it lists `speedscale/*` alone, and would cut the namespace off from everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.mesh.blockages import Blockage, Cause, by_cause, catch_all_index, imports
from apps.mesh.derived import EachNamespace, steady
from apps.mesh.egress import EgressEngine, egress_scopes
from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import INPUTS, senders
from apps.mesh.objects.networking import Sidecar
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import SpeedscaleInstall
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import FORWARDER_PORT, forwarder_host, installs, serving
from apps.mesh.verdicts import Destination, Protocol, Step


@dataclass(slots=True)
class _Cut:
    """What one Sidecar cuts off."""

    sidecar: Sidecar
    install: SpeedscaleInstall
    senders: list[ResourceRef] = field(default_factory=list)
    hosts: dict[str, None] = field(default_factory=dict)
    replayed: dict[ResourceRef, None] = field(default_factory=dict)
    evidence: tuple[Step, ...] = ()


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Sidecar; an error where recorded data is lost, else a warning for replays."""
    cuts: dict[ResourceRef, _Cut] = {}
    _forwarder(context, cuts)
    blocked = context.blockages
    for item in by_cause(blocked, Cause.NOT_IMPORTED):
        at_home = item.entry is not None and item.entry.namespace == item.need.install.namespace
        if item.sidecar is not None and at_home:
            _add_host(cuts, item, item.sidecar)
    for ref in sorted(cuts):
        yield _finding(cuts[ref])


def _forwarder(context: RuleContext, cuts: dict[ResourceRef, _Cut]) -> None:
    """Captured workloads whose proxy does not know the forwarder and lets nothing unknown out."""
    for workload, install, sidecar, evidence in context.snapshot.derived(_refused):
        cut = cuts.setdefault(sidecar.ref, _Cut(sidecar, install))
        cut.senders.append(workload.ref)
        cut.evidence = cut.evidence or evidence


@steady(lambda _change: True)
def _refused(
    snapshot: Snapshot,
) -> tuple[tuple[Workload, SpeedscaleInstall, Sidecar, tuple[Step, ...]], ...]:
    """Those of which the proxy refuses what they send, with the evidence."""
    engine = snapshot.derived(EgressEngine)
    found = []
    for workload, install, sidecar in snapshot.derived(_without_forwarder):
        destination = Destination(forwarder_host(install), FORWARDER_PORT, Protocol.HTTP)
        answer = engine.answer(workload, destination)
        if answer.verdict.blocked:
            found.append((workload, install, sidecar, answer.evidence))
    return tuple(found)


def _without_forwarder(snapshot: Snapshot) -> tuple[tuple[Workload, SpeedscaleInstall, Sidecar], ...]:
    """The captured workloads whose Sidecar does not import the forwarder, in the order of workloads."""
    closed = snapshot.parts(_closed)
    cut: dict[ResourceRef, Sidecar] = {}
    for scope in snapshot.derived(egress_scopes):
        if scope.sidecar is None:
            continue
        if scope.sidecar.namespace == scope.namespace:
            shut = closed.get(scope.namespace, {}).get(scope.sidecar)
        else:
            found = snapshot.get(scope.sidecar)
            shared = isinstance(found, Sidecar) and not _knows_forwarder(snapshot, found, scope.namespace)
            shut = found if shared and isinstance(found, Sidecar) else None
        if shut is not None:
            cut.update(dict.fromkeys(scope.workloads, shut))
    sending = snapshot.derived(_senders) if cut else ()
    return tuple((item, install, cut[item.ref]) for item, install in sending if item.ref in cut)


@EachNamespace
def _closed(snapshot: Snapshot, namespace: str) -> dict[ResourceRef, Sidecar]:
    """The Sidecars of a namespace that do not import the forwarder for it."""
    found = snapshot.each_in(Sidecar, namespace)
    return {item.ref: item for item in found if not _knows_forwarder(snapshot, item, namespace)}


def _knows_forwarder(snapshot: Snapshot, sidecar: Sidecar, namespace: str) -> bool:
    """Whether workloads of a namespace import it under a Sidecar; so too where no installation serves it."""
    install = serving(snapshot.derived(installs), namespace)
    return install is None or imports(
        sidecar, namespace, install.namespace, forwarder_host(install), FORWARDER_PORT
    )


def _senders(snapshot: Snapshot) -> tuple[tuple[Workload, SpeedscaleInstall], ...]:
    """The captured workloads that send through a proxy, with the installation that serves them."""
    found = snapshot.derived(installs)
    return tuple(
        (workload, install)
        for name, workloads in snapshot.parts(senders).items()
        if workloads and (install := serving(found, name)) is not None
        for workload in workloads
    )


def _add_host(cuts: dict[ResourceRef, _Cut], item: Blockage, sidecar: Sidecar) -> None:
    cut = cuts.setdefault(sidecar.ref, _Cut(sidecar, item.need.install))
    cut.hosts[item.host.host] = None
    cut.replayed.update(dict.fromkeys(item.need.affected))
    cut.evidence = cut.evidence or item.answer.evidence


def _finding(cut: _Cut) -> Finding:
    namespace = cut.install.namespace
    index = catch_all_index(cut.sidecar)
    parts = [f"This Sidecar does not import {namespace}/*."]
    if cut.senders:
        names = listed(ref.name for ref in cut.senders)
        parts.append(
            f"{counted(len(cut.senders), 'captured workload')} ({names}) cannot send "
            f"what {'it records' if len(cut.senders) == 1 else 'they record'} to the forwarder."
        )
    if cut.hosts:
        parts.append(f"A replay here could not reach {listed(cut.hosts)}.")
    parts.append(f"Add {namespace}/* to the hosts that are listed, and keep those.")
    return RULE.finding(
        " ".join(parts),
        cut.sidecar.ref,
        api_version=cut.sidecar.api_version,
        severity=Severity.ERROR if cut.senders else Severity.WARNING,
        path="spec.egress" if index is None else f"spec.egress[{index}].hosts",
        affected=tuple(dict.fromkeys([*cut.senders, *cut.replayed])),
        evidence=cut.evidence,
    )


RULE = Rule(
    code="SS03",
    name="sidecar-lacks-speedscale",
    severity=Severity.ERROR,
    title="The Sidecar does not import Speedscale",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    remedy="import-speedscale-namespace",
    about_hosts=True,
)
