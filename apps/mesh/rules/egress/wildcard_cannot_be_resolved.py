"""A ServiceEntry with a wildcard host asks the proxy to look it up in DNS, which cannot be done.

With `resolution: DNS` (or `DNS_ROUND_ROBIN`) the proxy resolves the entry's host itself and sends the
connection to what it found. `*.example.com` is no name that DNS knows, and Istio does not use the name
that the client asked for. Without `endpoints` the entry has no destination: calls fail with 503, or are
reset. `resolution: NONE` sends the connection to the address that the client resolved, which is right
for HTTP and TLS. Istio 1.30 knows `DYNAMIC_DNS` for wildcards as well.

Istio's webhook refuses such an entry; the CRD takes it. An entry of Speedscale's hosts is reported by
its own check.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard
from apps.mesh.needs import DNS_RESOLUTIONS, FlawKind
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.rules.base import FLAWED_INPUTS, Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    for entry in context.snapshot.each(ServiceEntry):
        wild = [host for host in entry.hosts if is_wildcard(host)]
        if not wild or entry.resolution not in DNS_RESOLUTIONS:
            continue
        if entry.endpoints or entry.workload_selector is not None:
            continue
        if context.reads(entry) and (entry.ref, FlawKind.RESOLUTION) not in context.flawed:
            yield RULE.finding(
                f"{listed(wild)} cannot be looked up in DNS, and the entry has no endpoints, so that calls "
                f"have nowhere to go. Set resolution to NONE, or name the hosts one by one.",
                entry.ref,
                api_version=entry.api_version,
                path="spec.resolution",
            )


RULE = Rule(
    code="MC123",
    name="wildcard-cannot-be-resolved",
    severity=Severity.ERROR,
    title="A wildcard host cannot be looked up in DNS",
    inputs=FLAWED_INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy=(
        "More than one resolution would do, and each opens hosts that are closed today; where the hosts "
        "are Speedscale's, SS05 mends it."
    ),
)
