"""A DestinationRule for one host takes the mutual TLS of a wider rule away.

Of the rules that hold a host the narrowest one is in force as a whole; nothing of `*.local` is inherited. A
rule that says nothing of `tls` leaves the choice to Istio, which is mutual TLS all the same while auto mTLS
is on (the default), so that there is nothing to report, although Kiali does. Only where `enableAutoMtls` is
off do clients fall back to plaintext.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import named
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard, resolve_short_name, subset_of
from apps.mesh.inforce import in_force
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.objects.traffic import ISTIO_MUTUAL
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule."""
    rules = in_force(context.snapshot, DestinationRule)
    wide = [
        rule
        for rule in rules
        if is_wildcard(rule.host) and rule.policy.tls is not None and rule.policy.tls.mode == ISTIO_MUTUAL
    ]
    for rule in rules if wide else ():
        config = context.mesh_config(rule.namespace)
        if config.auto_mtls or rule.policy.tls is not None or any(rule.policy.port_tls.values()):
            continue
        host = resolve_short_name(rule.host, rule.namespace)
        owners = {item.namespace for item in named(context.snapshot, host, rule.namespace)}
        asked = {rule.namespace, config.root_namespace, *owners}
        over = next((item for item in wide if item is not rule and _holds(item, host, asked)), None)
        if over is not None:
            yield RULE.finding(
                f"{over.ref} asks for mutual TLS to {over.host}, but this rule holds for {rule.host} "
                "instead of "
                "it and says nothing of tls; as enableAutoMtls is off, clients send plaintext. Repeat "
                "tls.mode: ISTIO_MUTUAL here.",
                rule.ref,
                api_version=rule.api_version,
                path="spec.trafficPolicy",
            )


def _holds(wide: DestinationRule, host: str, namespaces: set[str]) -> bool:
    return wide.namespace in namespaces and host != wide.host and subset_of(host, wide.host)


RULE = Rule(
    code="MC171",
    name="mutual-tls-overridden",
    severity=Severity.WARNING,
    title="A narrower rule takes mutual TLS away",
    inputs=INPUTS | {"DestinationRule"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0204",),
    remedy="send-mutual-tls",
)
