"""A DestinationRule is for a host that no client has.

A rule is found by the name of a service in the registry: the rule's host has to be that name, or a wildcard
that holds it. A rule for `api.example.com` does nothing for a ServiceEntry of `*.example.com`, and
`reviews.shop` is not the Service `reviews` of namespace `shop` (only names without a dot are completed). A
rule whose host is not exported to its namespace is not used by the clients there. Nothing fails: settings of
TLS, subsets and limits are silently not in force.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import ServiceNames, named
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard, resolve_short_name, service_host, service_names
from apps.mesh.inforce import in_force
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import visible_to


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule."""
    for rule in in_force(context.snapshot, DestinationRule):
        reason = _reason(context, rule)
        if reason:
            yield RULE.finding(
                f"The rule has no effect: {reason}",
                rule.ref,
                api_version=rule.api_version,
                path="spec.host",
            )


def _reason(context: RuleContext, rule: DestinationRule) -> str:
    """Why it does nothing, and what to do; "" where it does, or where that is not known."""
    host, namespace = resolve_short_name(rule.host, rule.namespace), rule.namespace
    if not host or host == "*":
        return ""
    services = named(context.snapshot, host, namespace)
    if services:
        root = context.mesh_config(namespace).root_namespace
        seen = any(visible_to(item.exported, item.namespace, namespace) for item in services)
        if seen or namespace in {root, *(item.namespace for item in services)}:
            return ""
        return f"{services[0].ref} is not exported to {namespace}. Export it, or move the rule next to it."
    if is_wildcard(host) and context.hosts.below(host, namespace):
        return ""
    if context.hosts.gap(host, namespace) is not None:
        return ""
    return f"no Service or ServiceEntry has the host {rule.host}. {_way_out(context, rule, host)}"


def _way_out(context: RuleContext, rule: DestinationRule, host: str) -> str:
    pair = service_names(rule.host)
    if pair is not None and named(context.snapshot, meant := service_host(*pair), rule.namespace):
        return f"Istio completes only names without a dot: write {meant}."
    wide = [item for item in context.hosts.holding(host, rule.namespace) if is_wildcard(item.host)]
    if wide:
        return f"{wide[0].ref} covers it as {wide[0].host}: make that the host, or add {host} to the entry."
    others = () if "." in rule.host else context.snapshot.derived(ServiceNames).hosts(rule.host)
    if others:
        return f"A Service of that name is in another namespace: write {listed(others)} if it is meant."
    return "Correct the name, or remove the rule."


RULE = Rule(
    code="MC166",
    name="rule-host-unknown",
    severity=Severity.WARNING,
    title="A DestinationRule is for a host that nobody knows",
    inputs=INPUTS | {"DestinationRule"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0202", "IST0174"),
    no_remedy="Which host was meant is a guess.",
)
