"""Callers of Speedscale's own pods that have no proxy, on ports that take nothing but mutual TLS.

The API server calls the operator's webhooks, and the eBPF collector, on the host's network, the forwarder.
Ports are read from the Services and webhooks of the installation; a port that `excludeInboundPorts` keeps
from the proxy refuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.mesh.clienttls import container_port
from apps.mesh.mtls import mtls_modes
from apps.mesh.objects.networking import Service
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import InstallComponent, MtlsDecision, MtlsMode, SpeedscaleInstall
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import FORWARDER_NAME, installs

EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`port` is the container's; `caller` says who is refused and what comes of it."""

    component: ResourceRef
    service: Service
    port: int
    decided: MtlsDecision
    caller: str


def refusals(snapshot: Snapshot) -> tuple[Refusal, ...]:
    """Every refusal of every installation."""
    found = snapshot.derived(installs)
    return tuple(
        item for install in found for item in (*_webhooks(snapshot, install), *_collector(snapshot, install))
    )


def _webhooks(snapshot: Snapshot, install: SpeedscaleInstall) -> Iterator[Refusal]:
    operator = install.component("operator")
    if operator is None:
        return
    for ref in dict.fromkeys(webhook.service for webhook in install.webhooks):
        for service, port, decided in _strict_ports(snapshot, operator, ref):
            text = f"the API server, on port {port} of the operator (workloads silently stay without capture)"
            yield Refusal(operator.ref, service, port, decided, text)


def _collector(snapshot: Snapshot, install: SpeedscaleInstall) -> Iterator[Refusal]:
    forwarder, nettap = install.component("forwarder"), install.component("nettap")
    if forwarder is None or nettap is None:
        return
    ref = ResourceRef("Service", install.namespace, FORWARDER_NAME)
    for service, port, decided in _strict_ports(snapshot, forwarder, ref):
        text = f"the eBPF collector, on port {port} of the forwarder (what it records is lost)"
        yield Refusal(forwarder.ref, service, port, decided, text)


def _strict_ports(
    snapshot: Snapshot, component: InstallComponent, ref: ResourceRef
) -> Iterator[tuple[Service, int, MtlsDecision]]:
    """The container ports behind a Service that take mutual TLS only, with what decided it."""
    report = snapshot.derived(mtls_modes).get(component.ref)
    workload, service = snapshot.get(component.ref), snapshot.get(ref)
    if report is None or not isinstance(workload, Workload) or not isinstance(service, Service):
        return
    if report.mode in {MtlsMode.NONE, MtlsMode.UNKNOWN, MtlsMode.GATEWAY}:
        return
    for port in service.ports:
        taken = container_port(port, workload)
        if taken is None or _kept_out(workload, taken):
            continue
        decided = report.ports.get(taken, report.asked)
        if decided.mode is MtlsMode.STRICT:
            yield service, taken, decided


def _kept_out(workload: Workload, port: int) -> bool:
    pods = [group.pod for group in workload.live_groups] or [workload.template]
    return all(str(port) in pod.annotations.get(EXCLUDED, "").replace(" ", "").split(",") for pod in pods)
