"""A DestinationRule has settings for a port that its host does not have.

`portLevelSettings` are found by the number of the Service's port, not by that of the container
(`targetPort`). A number that the Service lacks is never looked up, so that its TLS mode or its limits are not
in force, and the port that was meant follows the settings around it
(pilot/pkg/networking/core/cluster_traffic_policy.go, selectTrafficPolicyComponents).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import named
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.inforce import in_force
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule; wildcard hosts are left alone."""
    for rule in in_force(context.snapshot, DestinationRule):
        fields = dict.fromkeys(rule.policy.port_tls, "spec")
        for place, subset in enumerate(rule.subsets):
            for number in subset.policy.port_tls:
                fields.setdefault(number, f"spec.subsets[{place}]")
        if not fields:
            continue
        services = named(context.snapshot, resolve_short_name(rule.host, rule.namespace), rule.namespace)
        ports = {port.number for service in services for port in service.ports}
        wrong = sorted(set(fields) - ports)
        if services and wrong:
            yield RULE.finding(
                f"The settings for port {listed(map(str, wrong))} are never used: {rule.host} has "
                f"{listed(map(str, sorted(ports))) or 'no port'}. Name a port of the Service.",
                rule.ref,
                api_version=rule.api_version,
                path=f"{fields[wrong[0]]}.trafficPolicy.portLevelSettings",
            )


RULE = Rule(
    code="MC169",
    name="settings-for-missing-port",
    severity=Severity.WARNING,
    title="A DestinationRule has settings for a port that is not there",
    inputs=INPUTS | {"DestinationRule"},
    doc=__doc__ or "",
    check=check,
    no_remedy="Which port was meant is a guess.",
)
