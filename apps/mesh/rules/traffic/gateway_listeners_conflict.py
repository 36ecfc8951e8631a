"""Two listeners of the Gateway API want one port for the same host, and one of them is refused.

Listeners of a Gateway have to be distinct: TCP takes a port for itself, and HTTP, HTTPS and TLS share it by
different hostnames (one without a hostname takes every name). Of two that are not the later one is refused
and says so in its condition `Conflicted` alone, while its routes get no request
(pilot/pkg/config/kube/gatewaycommon/listener_conflict.go, since 1.31; before, plain HTTP listeners were
merged, and one beside TLS might be served).

Two Gateways with the same host and port are no conflict as a rule, although Kiali reports them: each has
proxies and an address of its own. Only those that name the same Service as their address (type `Hostname`)
share its proxies: there the younger one's listener is dropped if both terminate or pass TLS for a host, or
speak TCP. The same IP address in two Gateways is left to whoever hands out addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from apps.mesh.egress.builtgateways import of_istio
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import service_names
from apps.mesh.inforce import INPUTS, in_force, together
from apps.mesh.objects.gatewayapi import GatewayListener, KubernetesGateway
from apps.mesh.planes import at_least, namespace_planes
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext

STREAMS = frozenset({"TCP", "UDP"})
NAMED = frozenset({"HTTP", "HTTPS", "TLS"})
"""Protocols that tell hosts apart."""


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each listener that is refused."""
    gateways = [g for g in in_force(context.snapshot, KubernetesGateway) if of_istio(context.snapshot, g)]
    planes = context.snapshot.derived(namespace_planes)
    found: dict[tuple[ResourceRef, str], Finding] = {}
    for gateway in gateways:
        strict = at_least(planes.of(gateway.namespace), 1, 31) is not False
        found.update({(item.ref, item.key): item for item in _within(gateway, strict)})
    by_service: dict[tuple[str, str], list[KubernetesGateway]] = {}
    for gateway in gateways:
        for key in _services(gateway):
            by_service.setdefault(key, []).append(gateway)
    for sharing in by_service.values():
        for item in _between(sorted(sharing, key=lambda one: one.age_key)):
            found.setdefault((item.ref, item.key), item)
    yield from (found[key] for key in sorted(found))


def _within(gateway: KubernetesGateway, strict: bool) -> Iterator[Finding]:
    kept: list[GatewayListener] = []
    for place, listener in enumerate(gateway.listeners):
        before = next((one for one in kept if _clash(one, listener, strict)), None)
        if before is None:
            kept.append(listener)
            continue
        yield _finding(gateway, place, f"listener {before.name or gateway.listeners.index(before)}", before)


def _between(gateways: Sequence[KubernetesGateway]) -> Iterator[Finding]:
    for older, younger in combinations(gateways, 2):
        if not together(older, younger):
            continue
        for place, listener in enumerate(younger.listeners):
            before = next((one for one in older.listeners if _clash(one, listener, strict=False)), None)
            if before is not None:
                who = f"Gateway {older.ref.path}, which is before the same Service and comes first,"
                yield _finding(younger, place, who, before)


def _services(gateway: KubernetesGateway) -> Iterator[tuple[str, str]]:
    for address in gateway.addresses:
        names = service_names(address.value, gateway.namespace) if address.type == "Hostname" else None
        if names is not None and names[1] == gateway.namespace:
            yield names


def _clash(one: GatewayListener, other: GatewayListener, strict: bool) -> bool:
    """Whether the two cannot both be served; not `strict` where plain HTTP is merged, or may be."""
    if one.port != other.port:
        return False
    protocols = {one.protocol, other.protocol}
    if not protocols <= STREAMS | NAMED:
        return len(protocols) == 1
    if protocols & STREAMS:
        return True
    if not strict and "HTTP" in protocols:
        return False
    return (one.hostname or "*") == (other.hostname or "*")


def _finding(gateway: KubernetesGateway, place: int, who: str, before: GatewayListener) -> Finding:
    listener = gateway.listeners[place]
    stream = {listener.protocol, before.protocol} & STREAMS
    what = f"port {listener.port}" + ("" if stream else f" for {listener.hostname or 'every host'}")
    field = "hostname" if listener.protocol == before.protocol and listener.hostname else "port"
    return RULE.finding(
        f"Listener {listener.name or place} ({listener.protocol}) wants {what}, which {who} has with "
        f"{before.protocol}, so that this one is refused and its routes get nothing. Give it another port"
        f"{'' if stream else ' or hostname'}, or join the two.",
        gateway.ref,
        api_version=gateway.api_version,
        path=f"spec.listeners[{place}].{field}",
        key=str(place),
    )


RULE = Rule(
    code="MC183",
    name="gateway-listeners-conflict",
    severity=Severity.ERROR,
    title="Two listeners of the Gateway API want one port",
    inputs=INPUTS | {"GatewayClass", "KubernetesGateway"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1501", "KIA1502", "KIA1503"),
    no_remedy="Which of the listeners should have the port decides what is published.",
)
