"""The ports of a Service do not say which protocol they speak, so that proxies guess.

Istio takes the protocol from `appProtocol`, else from the beginning of the port's name (`http-web`, `grpc`,
`tcp-db`; istio.io, Protocol selection). Anything else is sniffed: the proxy waits for the client's first
bytes. HTTP is recognised, but routes and policies of a guessed port behave differently with TLS and gRPC, and
protocols in which the server speaks first are delayed. Only Services with pods in the mesh are looked at, and
not those that Speedscale's installation brings along.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.services import AUTO, service_protocol
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS as INJECTION_INPUTS
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.mtls import mutual
from apps.mesh.objects.networking import Service
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import INPUTS as INSTALL_INPUTS


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each Service."""
    if any(install.namespace == namespace for install in context.installs):
        return
    meshed = _meshed(context, namespace)
    for service in context.snapshot.each_in(Service, namespace):
        guessed = [
            place
            for place, port in enumerate(service.ports)
            if port.protocol == "TCP" and service_protocol(port) == AUTO
        ]
        if not guessed or not context.reads(service):
            continue
        if not any(item.ref in meshed for item in context.services_in(namespace).behind(service.ref)):
            continue
        ports = [service.ports[place] for place in guessed]
        shown = listed(f"{port.name or 'without a name'} ({port.number})" for port in ports)
        first = ports[0]
        yield RULE.finding(
            f"Istio has to guess the protocol of port {shown}. Set appProtocol, or begin the name with the "
            "protocol, as in `http-web` or `tcp-db`.",
            service.ref,
            api_version=service.api_version,
            path=f"spec.ports[{guessed[0]}].{'appProtocol' if first.app_protocol else 'name'}",
        )


def _meshed(context: RuleContext, namespace: str) -> set[ResourceRef]:
    """The workloads of a namespace that have pods with a proxy, other than gateways."""
    modes = context.snapshot.part(mutual, namespace)
    found = zip(context.injected_in(namespace), modes, strict=True)
    return {
        workload.ref
        for (workload, report), mode in found
        if report.meshed and mode.mode is not MtlsMode.GATEWAY
    }


RULE = Rule(
    code="MC173",
    name="port-protocol-not-said",
    severity=Severity.INFO,
    title="Istio has to guess the protocol of a port",
    inputs=INSTALL_INPUTS | INJECTION_INPUTS | MODE_INPUTS | {"Service"},
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("KIA0601", "KIA0602", "IST0118"),
    no_remedy=(
        "What the port carries only the application knows; a wrong protocol breaks calls that work today."
    ),
)
