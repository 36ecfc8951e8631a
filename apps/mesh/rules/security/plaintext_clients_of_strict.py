"""A PeerAuthentication asks for mutual TLS, and nothing makes the clients use it.

With auto mTLS, Istio's default, clients send mutual TLS to every pod that has a proxy; STRICT needs nothing
besides. Where `enableAutoMtls` is false in the mesh configuration they send plaintext, until a
DestinationRule says `ISTIO_MUTUAL` for the host. STRICT without such a rule refuses every call from inside
the mesh.

Kiali asks for that rule (KIA0401, KIA0501) in every mesh; with auto mTLS that is a false alarm, and it is not
reported here. A DestinationRule that contradicts a mode, DISABLE among them (KIA0505, KIA0506), is reported
on the rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.clienttls import INPUTS, Sent, container_port
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import service_host
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.networking import Service
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed

Refused = dict[ResourceRef, tuple[str, dict[str, None], dict[ResourceRef, None]]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    if all(plane.config.auto_mtls for plane in control_planes(context.snapshot)):
        return
    refused: Refused = {}
    for service in context.snapshot.each(Service):
        workloads = context.services.behind(service)
        if workloads and not context.mesh_config(service.namespace).auto_mtls:
            _collect(context, service, workloads, refused)
    for ref in sorted(refused):
        path, hosts, affected = refused[ref]
        policy = context.snapshot.get(ref)
        yield RULE.finding(
            f"enableAutoMtls is off and no DestinationRule makes clients use mutual TLS, so "
            f"{counted(len(hosts), 'service')} ({listed(hosts)}) refuse{'s' if len(hosts) == 1 else ''} "
            "every call. Add a DestinationRule with tls mode ISTIO_MUTUAL, or switch auto mTLS on.",
            ref,
            api_version=policy.api_version if isinstance(policy, PeerAuthentication) else "",
            path=path,
            affected=tuple(affected),
        )


def _collect(
    context: RuleContext, service: Service, workloads: tuple[Workload, ...], refused: Refused
) -> None:
    host = service_host(service.name, service.namespace)
    known = [item for item in context.hosts.holding(host, service.namespace) if item.ref == service.ref]
    for port in service.ports:
        sent = [
            context.client_tls.mode(client, {}, item, port.number)
            for item in known
            for client in (service.namespace, "")
        ]
        if not sent or any(mode.sent is not Sent.PLAINTEXT or mode.ref is not None for mode in sent):
            continue
        for workload in workloads:
            report, taken = context.mtls[workload.ref], container_port(port, workload)
            own = report.ports.get(taken) if taken is not None else None
            decided = own or report.asked
            mode = own.mode if own is not None else report.mode
            if mode is MtlsMode.STRICT and decided.ref is not None:
                _, hosts, affected = refused.setdefault(decided.ref, (decided.path, {}, {}))
                hosts[host] = None
                affected[workload.ref] = None


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
