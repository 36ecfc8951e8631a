"""A PeerAuthentication asks for mutual TLS, and nothing makes the clients use it.

With auto mTLS, Istio's default, clients send mutual TLS to every pod that has a proxy; STRICT needs nothing
besides. Where `enableAutoMtls` is false in the mesh configuration they send plaintext, until a
DestinationRule says `ISTIO_MUTUAL` for the host. STRICT without such a rule refuses every call from inside
the mesh.

Auto mTLS goes by the mode of the namespace, or the mesh, and never by a workload's own: where that says
DISABLE, clients send plaintext to all its services. A workload or a port of it that asks for STRICT then
refuses every call as well (pilot/pkg/model/push_context.go, BestEffortInferServiceMTLSMode).

Kiali asks for that rule (KIA0401, KIA0501) in every mesh; with auto mTLS that is a false alarm, and it is not
reported here. A DestinationRule that contradicts a mode, DISABLE among them (KIA0505, KIA0506), is reported
on the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

from apps.mesh.clienttls import INPUTS, ClientMode, Sent, container_port
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import service_host
from apps.mesh.inforce import in_force
from apps.mesh.mtls import MtlsModes
from apps.mesh.objects.networking import Service
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import DataPlane, MtlsMode, MtlsReport
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed

STRICT = "STRICT"
# By the policy, and by the one that makes clients send plaintext (None: auto mTLS is off).
Refused = dict[tuple[ResourceRef, ResourceRef | None], tuple[str, dict[str, None], dict[ResourceRef, None]]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    policies = in_force(context.snapshot, PeerAuthentication)
    if not any(policy.mode == STRICT or STRICT in policy.port_modes.values() for policy in policies):
        return
    refused: Refused = {}
    services, modes = context.services, context.snapshot.derived(MtlsModes)

    @cache
    def without_auto(namespace: str) -> bool:
        disabled = modes.namespace_mode(namespace).mode is MtlsMode.DISABLE
        return disabled or not context.mesh_config(namespace).auto_mtls

    for service in context.snapshot.each(Service):
        if not without_auto(service.namespace):
            continue
        strict = [item for item in services.behind(service) if _asks(context.mtls[item.ref])]
        if strict:
            _collect(context, service, strict, refused)
    for ref, disabling in sorted(refused, key=str):
        path, hosts, affected = refused[ref, disabling]
        policy = context.snapshot.get(ref)
        yield RULE.finding(
            _text(disabling, hosts),
            ref,
            api_version=policy.api_version if isinstance(policy, PeerAuthentication) else "",
            path=path,
            affected=tuple(affected),
        )


def _asks(report: MtlsReport) -> bool:
    return MtlsMode.STRICT in {report.mode, *(port.mode for port in report.ports.values())}


def _text(disabling: ResourceRef | None, hosts: Collection[str]) -> str:
    cause, way_out = "enableAutoMtls is off", "switch auto mTLS on"
    if disabling is not None:
        cause = f"Auto mTLS goes by {disabling}, which says DISABLE,"
        way_out = "give that mode to the workloads that need it alone"
    refuse = "refuses" if len(hosts) == 1 else "refuse"
    return (
        f"{cause} and no DestinationRule makes clients use mutual TLS, so "
        f"{counted(len(hosts), 'service')} ({listed(hosts)}) {refuse} every call. "
        f"Add a DestinationRule with tls mode ISTIO_MUTUAL, or {way_out}."
    )


def _collect(context: RuleContext, service: Service, workloads: list[Workload], refused: Refused) -> None:
    host = service_host(service.name, service.namespace)
    known = [item for item in context.hosts.holding(host, service.namespace) if item.ref == service.ref]
    for port in service.ports:
        sent = [
            context.client_tls.mode(client, {}, item, port.number)
            for item in known
            for client in (service.namespace, "")
        ]
        if not sent or any(mode.sent is not Sent.PLAINTEXT or _by_rule(mode) for mode in sent):
            continue
        for workload in workloads:
            if context.injections[workload.ref].actual is DataPlane.AMBIENT:
                continue  # ztunnel speaks mutual TLS to ztunnel, whatever is said here
            report, taken = context.mtls[workload.ref], container_port(port, workload)
            own = report.ports.get(taken) if taken is not None else None
            decided = own or report.asked
            mode = own.mode if own is not None else report.mode
            if mode is MtlsMode.STRICT and decided.ref is not None:
                cause = (decided.ref, sent[0].ref)
                _, hosts, affected = refused.setdefault(cause, (decided.path, {}, {}))
                hosts[host] = None
                affected[workload.ref] = None


def _by_rule(mode: ClientMode) -> bool:
    return mode.ref is not None and mode.ref.kind == "DestinationRule"


RULE = Rule(
    code="MC215",
    name="plaintext-clients-of-strict",
    severity=Severity.ERROR,
    title="Mutual TLS is asked for and no client uses it",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("KIA0401", "KIA0501"),
    no_remedy="Whether the servers or their clients should give way is a decision on security.",
)
