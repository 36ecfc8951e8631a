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

from apps.mesh.findings import Finding, Severity
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.refs import ResourceRef
from apps.mesh.refusals import Refusal, refusals
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import INPUTS as SPEEDSCALE_INPUTS


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each PeerAuthentication that decides."""
    by_policy: dict[ResourceRef, list[Refusal]] = {}
    for refusal in context.snapshot.derived(refusals):
        if refusal.decided.ref is not None:
            by_policy.setdefault(refusal.decided.ref, []).append(refusal)
    for ref, found in sorted(by_policy.items()):
        policy = context.snapshot.get(ref)
        parts = list(dict.fromkeys(refusal.caller for refusal in found))
        yield RULE.finding(
            f"STRICT refuses callers that have no proxy: {listed(parts)}. Make those ports PERMISSIVE "
            "(portLevelMtls), or leave the namespace out of the mesh.",
            ref,
            api_version=policy.api_version if policy is not None else "",
            path=found[0].decided.path,
            affected=tuple(dict.fromkeys(refusal.component for refusal in found)),
        )


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
