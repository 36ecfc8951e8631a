"""A Sidecar imports no Service of its workloads' own namespace.

A Sidecar's egress hosts are all that its workloads know; nothing is added, the own namespace neither. The
example on Speedscale's page lists `speedscale/*` alone. Applied as it stands, it leaves the workloads
without the Services beside them: under `REGISTRY_ONLY` their calls are refused, and under `ALLOW_ANY` they
pass as plain TCP, without mutual TLS, routing and telemetry. `./*` imports the own namespace.

Reported where the namespace has Services with workloads behind them and not one is imported; whoever
lists some of them has thought about it. istiod itself is not lost when `istio-system/*` is missing: the
proxy reaches it without these listeners. What else lives in the root namespace (an egress gateway, a
collector of traces) is, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.mesh.blockages import imports
from apps.mesh.egress import egress_scopes
from apps.mesh.egress.services import service_protocol
from apps.mesh.egresshosts import egress_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import service_host
from apps.mesh.needs import INPUTS
from apps.mesh.objects.networking import Service, Sidecar
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.scopes import EgressScope
from apps.mesh.selection import ServiceIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol, Step

ISTIOD = "istiod"


@dataclass(slots=True)
class _Cut:
    """What one Sidecar leaves out, of how many namespaces."""

    sidecar: Sidecar
    namespaces: list[str] = field(default_factory=list)
    services: dict[str, None] = field(default_factory=dict)
    affected: dict[ResourceRef, None] = field(default_factory=dict)
    refused: bool = False
    evidence: tuple[Step, ...] = ()


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Sidecar; a warning where calls are refused, else a hint."""
    if context.snapshot.missing("Service"):
        return
    cuts: dict[ResourceRef, _Cut] = {}
    for scope, sidecar, used in context.snapshot.derived(_cut_off):
        _look_at(context, scope, sidecar, used, cuts)
    for ref in sorted(cuts):
        yield _finding(context, cuts[ref])


def _cut_off(snapshot: Snapshot) -> tuple[tuple[EgressScope, Sidecar, tuple[Service, ...]], ...]:
    """The scopes whose Sidecar imports none of the Services beside them, with these."""
    found = []
    for scope in snapshot.derived(egress_scopes):
        sidecar = snapshot.get(scope.sidecar) if scope.sidecar is not None else None
        if not isinstance(sidecar, Sidecar) or not _narrow(sidecar, scope.namespace):
            continue
        used = _used(snapshot, scope)
        if used and not any(_imported(sidecar, scope.namespace, service) for service in used):
            found.append((scope, sidecar, used))
    return tuple(found)


def _look_at(
    context: RuleContext,
    scope: EgressScope,
    sidecar: Sidecar,
    used: tuple[Service, ...],
    cuts: dict[ResourceRef, _Cut],
) -> None:
    cut = cuts.setdefault(sidecar.ref, _Cut(sidecar))
    if scope.namespace not in cut.namespaces:
        cut.namespaces.append(scope.namespace)
    cut.services.update(dict.fromkeys(service.name for service in used))
    cut.affected.update(dict.fromkeys(scope.workloads))
    first = used[0]
    protocol = Protocol.TCP if service_protocol(first.ports[0]) == "TCP" else Protocol.HTTP
    host = service_host(first.name, first.namespace)
    answer = context.engine.answer(scope.representative, Destination(host, first.ports[0].number, protocol))
    if answer.verdict.blocked and not cut.refused:
        cut.refused, cut.evidence = True, answer.evidence


def _narrow(sidecar: Sidecar, namespace: str) -> bool:
    """Whether the Sidecar imports something, and names nothing of the namespace: what is wrong with a
    host of it, and a Sidecar that imports nothing, are other findings, or meant."""
    items = [item for item in egress_hosts(sidecar) if item.readable]
    imported = [item for item in items if not item.excluded]
    everything_out = any(item.bare and item.host == "*" for item in items)
    named = any(item.owner_in(namespace) == namespace for item in imported)
    return bool(imported) and not everything_out and not named


def _used(snapshot: Snapshot, scope: EgressScope) -> tuple[Service, ...]:
    """The Services of the scope's namespace that somebody else stands behind."""
    own = set(scope.workloads)
    alone = len(own) == 1
    found, index = [], snapshot.derived(ServiceIndex)
    for service in snapshot.derived(_by_namespace).get(scope.namespace, ()):
        behind = {workload.ref for workload in index.behind(service)}
        if service.ports and behind and not (alone and behind <= own):
            found.append(service)
    return tuple(found)


def _imported(sidecar: Sidecar, namespace: str, service: Service) -> bool:
    host = service_host(service.name, service.namespace)
    return any(imports(sidecar, namespace, service.namespace, host, port.number) for port in service.ports)


def _by_namespace(snapshot: Snapshot) -> dict[str, tuple[Service, ...]]:
    found: dict[str, list[Service]] = {}
    for service in snapshot.each(Service):
        found.setdefault(service.namespace, []).append(service)
    return {namespace: tuple(services) for namespace, services in found.items()}


def _finding(context: RuleContext, cut: _Cut) -> Finding:
    outcome = (
        "the outbound policy refuses calls to them"
        if cut.refused
        else "calls to them pass as plain TCP, without mutual TLS and routing"
    )
    return RULE.finding(
        f"Of the Services beside its workloads in {listed(cut.namespaces)} ({listed(cut.services)}) this "
        f"Sidecar imports none; {outcome}.{_root(context, cut)} "
        "Add `./*`, or name those that are called.",
        cut.sidecar.ref,
        api_version=cut.sidecar.api_version,
        severity=Severity.WARNING if cut.refused else Severity.INFO,
        path="spec.egress",
        affected=tuple(cut.affected),
        evidence=cut.evidence,
    )


def _root(context: RuleContext, cut: _Cut) -> str:
    """What of the root namespace is lost as well."""
    namespace = cut.namespaces[0]
    root = context.mesh_config(namespace).root_namespace
    lost = [
        service.name
        for service in context.snapshot.derived(_by_namespace).get(root, ())
        if not service.name.startswith(ISTIOD) and not _imported(cut.sidecar, namespace, service)
    ]
    if not lost or root == namespace:
        return ""
    return f" It does not import {listed(lost)} of {root} either."


RULE = Rule(
    code="MC117",
    name="own-services-cut-off",
    severity=Severity.WARNING,
    title="The Sidecar leaves out all Services of its own namespace",
    inputs=INPUTS - {"CustomResourceDefinition", "ValidatingWebhookConfiguration"},
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Whether the own Services are needed is not in a manifest, and importing them widens the Sidecar."
    ),
)
