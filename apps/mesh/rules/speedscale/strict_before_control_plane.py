"""Speedscale's own pods take nothing but mutual TLS, and some of their callers cannot speak it.

Where Speedscale's namespace is in the mesh and its mode is STRICT two kinds of callers are refused. The API
server calls the operator's webhook without Istio's mutual TLS. The webhook for sidecars ignores failures,
so workloads silently stay without capture; the one for replays does not, so every replay is refused. And
the eBPF collector runs on the host's network, where no proxy is, so that what it records never arrives at
the forwarder.

A PeerAuthentication with `portLevelMtls: PERMISSIVE` for those ports mends it (of the container, not of the
Service), and so does leaving the namespace out of the mesh. Ports are read from the Services and webhooks
of the installation; a port that `excludeInboundPorts` keeps from the proxy is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.clienttls import container_port
from apps.mesh.findings import Finding, Severity
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.objects.networking import Service
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import InstallComponent, MtlsDecision, MtlsMode, SpeedscaleInstall
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import FORWARDER_NAME
from apps.mesh.speedscale import INPUTS as SPEEDSCALE_INPUTS

EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
Refusal = tuple[MtlsDecision, str, ResourceRef]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each PeerAuthentication that decides."""
    by_policy: dict[ResourceRef, list[Refusal]] = {}
    for install in context.installs:
        for refusal in (*_webhooks(context, install), *_collector(context, install)):
            if refusal[0].ref is not None:
                by_policy.setdefault(refusal[0].ref, []).append(refusal)
    for ref, found in sorted(by_policy.items()):
        policy = context.snapshot.get(ref)
        parts = list(dict.fromkeys(text for _, text, _ in found))
        yield RULE.finding(
            f"STRICT refuses callers that have no proxy: {listed(parts)}. Make those ports PERMISSIVE "
            "(portLevelMtls), or leave the namespace out of the mesh.",
            ref,
            api_version=policy.api_version if policy is not None else "",
            path=found[0][0].path,
            affected=tuple(dict.fromkeys(who for _, _, who in found)),
        )


def _webhooks(context: RuleContext, install: SpeedscaleInstall) -> Iterator[Refusal]:
    operator = install.component("operator")
    if operator is None:
        return
    for service in dict.fromkeys(webhook.service for webhook in install.webhooks):
        for port, decided in _strict_ports(context, operator, service):
            silent = "workloads silently stay without capture"
            yield decided, f"the API server, on port {port} of the operator ({silent})", operator.ref


def _collector(context: RuleContext, install: SpeedscaleInstall) -> Iterator[Refusal]:
    forwarder, nettap = install.component("forwarder"), install.component("nettap")
    if forwarder is None or nettap is None:
        return
    service = ResourceRef("Service", install.namespace, FORWARDER_NAME)
    for port, decided in _strict_ports(context, forwarder, service):
        text = f"the eBPF collector, on port {port} of the forwarder (what it records is lost)"
        yield decided, text, forwarder.ref


def _strict_ports(
    context: RuleContext, component: InstallComponent, ref: ResourceRef
) -> Iterator[tuple[int, MtlsDecision]]:
    """The container ports behind a Service that take mutual TLS only, with what decided it."""
    report = context.mtls.get(component.ref)
    workload = context.snapshot.get(component.ref)
    service = context.snapshot.get(ref)
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
            yield taken, decided


def _kept_out(workload: Workload, port: int) -> bool:
    pods = [group.pod for group in workload.live_groups] or [workload.template]
    return all(str(port) in pod.annotations.get(EXCLUDED, "").replace(" ", "").split(",") for pod in pods)


RULE = Rule(
    code="SS13",
    name="strict-before-control-plane",
    severity=Severity.WARNING,
    title="Callers of Speedscale's own pods are refused by STRICT",
    inputs=MODE_INPUTS | SPEEDSCALE_INPUTS | {"Service"},
    doc=__doc__ or "",
    check=check,
    remedy="admit-callers-without-proxy",
)
