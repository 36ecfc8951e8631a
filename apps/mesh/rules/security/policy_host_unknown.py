"""An AuthorizationPolicy names a host by which nothing in the mesh goes.

`to.operation.hosts` is compared with the `Host` header of the request: the name under which a client
calls, with or without a port. That may be a Service or a ServiceEntry, and at a gateway it is the public
name, which a Gateway or a VirtualService holds. A host that none of them knows is most likely a
misspelling: an ALLOW rule then refuses everybody, a DENY rule keeps nobody out.

Kiali asks the registry only and reports public names of gateways; they are known here. Texts with `*` at
an end are compared as Istio does, by the beginning or the end of the name.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_address, matches
from apps.mesh.knownhosts import INPUTS as HOST_INPUTS
from apps.mesh.objects.networking import Gateway, VirtualService
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.references import bound_host
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.snapshot import Snapshot

SOURCES = ("Service", "ServiceEntry", "VirtualService", "Gateway")


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy, at the first host that is wrong."""
    if any(context.snapshot.missing(kind) for kind in SOURCES):
        return
    for policy in context.snapshot.each(AuthorizationPolicy):
        wrong = [(path, text) for path, text in _hosts(policy) if not _known(context, policy, text)]
        if wrong:
            texts = dict.fromkeys(text for _, text in wrong)
            yield RULE.finding(
                f"Nothing in the mesh goes by {listed(texts)}: no Service, ServiceEntry, VirtualService or "
                "Gateway. The host is compared with the Host header of requests; correct the name.",
                policy.ref,
                api_version=policy.api_version,
                path=wrong[0][0],
            )


def _hosts(policy: AuthorizationPolicy) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(policy.rules):
        for index, operation in enumerate(rule.operations):
            for place, text in enumerate(operation.hosts):
                yield f"spec.rules[{number}].to[{index}].operation.hosts[{place}]", text


def _known(context: RuleContext, policy: AuthorizationPolicy, text: str) -> bool:
    host = text.lower()
    name, colon, port = host.rpartition(":")
    if colon and (port.isdecimal() or port == "*"):
        host = name
    if not host or is_address(host.strip("[]")) or host == "localhost":
        return True
    if host.endswith("*"):
        # A beginning says nothing of the domain: `stock.*` may be any of a Service's names.
        return True
    if host.startswith("*") and not host.startswith("*."):
        return True
    if context.hosts.known(host, policy.namespace) or context.hosts.hidden(host, policy.namespace):
        return True
    if host.count(".") == 1 and context.hosts.known(f"{host}.svc.cluster.local", policy.namespace):
        return True
    if host.endswith(".svc") and context.hosts.known(f"{host}.cluster.local", policy.namespace):
        return True
    exact, wild = context.snapshot.derived(_public)
    return host in exact or any(matches(host, other) for other in wild) or _below(host, exact)


def _below(host: str, exact: frozenset[str]) -> bool:
    return host.startswith("*.") and any(name.endswith(host[1:]) for name in exact)


def _public(snapshot: Snapshot) -> tuple[frozenset[str], tuple[str, ...]]:
    """The hosts of VirtualServices and Gateways, without and with a wildcard. A bare `*` is no name."""
    found = {host.lower() for item in snapshot.each(VirtualService) for host in item.hosts}
    for gateway in snapshot.each(Gateway):
        for server in gateway.servers:
            found.update(bound_host(host, gateway.namespace)[1].lower() for host in server.hosts)
    found.discard("*")
    return (
        frozenset(host for host in found if "*" not in host),
        tuple(sorted(host for host in found if "*" in host)),
    )


RULE = Rule(
    code="MC202",
    name="policy-host-unknown",
    severity=Severity.WARNING,
    title="The policy names a host that nothing goes by",
    inputs=HOST_INPUTS | {"AuthorizationPolicy", "Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0104",),
    no_remedy="Which host was meant is a guess, and a policy is its owner's to widen.",
)
