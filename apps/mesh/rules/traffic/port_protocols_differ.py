"""Two Services give one container port different protocols.

In front of a container port the proxy opens one inbound listener, and if several Services lead there it takes
what the oldest of them says (pilot/pkg/networking/core/listener_inbound.go). If one says HTTP and the other
TCP, HTTP policies, metrics and routes are missing for both, or TCP traffic is parsed as HTTP and refused.
Different port numbers for one container port are fine, and so are TCP and UDP on one number, both of which
istioctl reports.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.clienttls import container_port
from apps.mesh.egress.services import AUTO, service_protocol
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS
from apps.mesh.objects.networking import Port, Service
from apps.mesh.objects.workloads import Workload
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import listed

HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload and container port."""
    index = context.services_in(namespace)
    for workload, report in context.injected_in(namespace):
        services = index.of(workload)
        if len(services) < 2 or not report.meshed:
            continue
        for number, taken in sorted(_by_port(services, workload).items()):
            if {protocol in HTTP for protocol, _ in taken} == {True, False}:
                shown = listed(f"{protocol} by {service.ref}" for protocol, service in taken)
                yield RULE.finding(
                    f"Container port {number} is said to speak {shown}, and its proxy follows one of them "
                    "only. "
                    "Give the ports of the Services the same protocol, by name or appProtocol.",
                    workload.ref,
                    api_version=workload.api_version,
                    path="spec.template.metadata.labels",
                    key=str(number),
                )


def _by_port(services: tuple[Service, ...], workload: Workload) -> dict[int, list[tuple[str, Service]]]:
    """What each Service says of the container ports; guessed protocols are left out."""
    found: dict[int, list[tuple[str, Service]]] = {}
    for service in services:
        for port in service.ports:
            number, protocol = container_port(port, workload), _protocol(port)
            if number is not None and protocol:
                found.setdefault(number, []).append((protocol, service))
    return found


def _protocol(port: Port) -> str:
    protocol = service_protocol(port) if port.protocol == "TCP" else AUTO
    return "" if protocol == AUTO else protocol


RULE = Rule(
    code="MC174",
    name="port-protocols-differ",
    severity=Severity.WARNING,
    title="Services disagree on the protocol of a container port",
    inputs=INPUTS | {"Service"},
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("IST0116", "IST0137"),
    no_remedy="Only one of the protocols is what the container speaks, and which one cannot be seen.",
)
