"""Where Envoy sends a connection: listener, filter chain, route. The order is Envoy's, without
backtracking to a less specific branch. Knows nothing of why the configuration is what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from apps.mesh.egress.chains import Chain, HttpTarget, Listener, TcpTarget
from apps.mesh.egress.routes import HttpRoute, RouteTable, VirtualHost
from apps.mesh.egress.services import ANY_ADDRESS
from apps.mesh.verdicts import Protocol


class Outcome(StrEnum):
    """`POLICY` is left to the outbound traffic policy, `HTTP_POLICY` to the catch-all route."""

    CLUSTER = "cluster"
    MISSING_CLUSTER = "missing-cluster"
    POLICY = "policy"
    HTTP_POLICY = "http-policy"
    UNPARSABLE = "unparsable"
    NO_ROUTE = "no-route"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Match:
    """What decided. `bound` is the address of the listener ("" when none was found)."""

    outcome: Outcome
    bound: str = ""
    chain: Chain | None = None
    virtual_host: VirtualHost | None = None
    clusters: tuple[tuple[str, int, str], ...] = ()
    missing: tuple[tuple[str, int, str], ...] = ()
    certain: bool = True
    answers: str = ""


@dataclass(frozen=True, slots=True)
class PortView:
    """What a proxy does with one port: its listeners, its routes, and the clusters it has."""

    listeners: Mapping[str, Listener]
    routes: RouteTable
    clusters: frozenset[tuple[str, int]]
    subsets: frozenset[tuple[str, str]]

    def has(self, cluster: tuple[str, int, str]) -> bool:
        host, port, subset = cluster
        return (host, port) in self.clusters and (not subset or (host, subset) in self.subsets)


def match_connection(view: PortView, host: str, protocol: Protocol, ip: str) -> Match:
    """Where bytes of that protocol go; `ip` "" stands for an address that no listener names."""
    bound = ip if ip and ip in view.listeners else ANY_ADDRESS
    listener = view.listeners.get(bound)
    if listener is None:
        return Match(Outcome.POLICY)
    chain = find_chain(listener, host, protocol, ip)
    if chain is None:
        return Match(Outcome.POLICY, bound)
    if isinstance(chain.target, TcpTarget):
        return _tcp(view, bound, chain, chain.target)
    if protocol is not Protocol.HTTP:
        return Match(Outcome.UNPARSABLE, bound, chain)
    return _http(view, bound, chain, chain.target, host)


def find_chain(listener: Listener, host: str, protocol: Protocol, ip: str) -> Chain | None:
    """Destination prefix, then SNI, then what the bytes look like; else the default chain."""
    default = next((chain for chain in listener.chains if chain.match_all), None)
    candidates = _by_address([chain for chain in listener.chains if not chain.match_all], ip)
    if any(chain.sni for chain in listener.chains):
        candidates = _by_name(candidates, host if protocol is Protocol.TLS else "")
    plaintext = [chain for chain in candidates if chain.plaintext_http]
    if plaintext and protocol is not Protocol.TLS:
        # The transport "raw_buffer" has a branch of its own: no way back to chains without one.
        return plaintext[0] if protocol is Protocol.HTTP else default
    rest = [chain for chain in candidates if not chain.plaintext_http]
    return rest[0] if rest else default


def _by_address(chains: Sequence[Chain], ip: str) -> list[Chain]:
    address = ip_address(ip) if ip else None
    best = -1
    found: list[Chain] = []
    for chain in chains:
        lengths = [
            net.prefixlen
            for net in chain.networks
            if address is not None and net.version == address.version and address in net
        ]
        length = max(lengths) if lengths else (-1 if chain.cidrs else 0)
        if length < 0 or length < best:
            continue
        if length > best:
            best, found = length, []
        found.append(chain)
    return found


def _by_name(chains: Sequence[Chain], host: str) -> list[Chain]:
    if host:
        labels = host.split(".")
        names = [host, *("*." + ".".join(labels[index:]) for index in range(1, len(labels)))]
        for name in names:
            found = [chain for chain in chains if name in chain.sni]
            if found:
                return found
    return [chain for chain in chains if not chain.sni or "*" in chain.sni]


def _tcp(view: PortView, bound: str, chain: Chain, target: TcpTarget) -> Match:
    known = tuple(cluster for cluster in target.clusters if view.has(cluster))
    missing = tuple(cluster for cluster in target.clusters if cluster not in known)
    outcome = Outcome.CLUSTER if known else Outcome.MISSING_CLUSTER
    return Match(outcome, bound, chain, None, known, missing, certain=not (known and missing))


def _http(view: PortView, bound: str, chain: Chain, target: HttpTarget, host: str) -> Match:
    if target.only:
        found = next(
            (item for item in view.routes.hosts if item.service and item.service.host == target.only), None
        )
    else:
        found = view.routes.find(host)
    if found is None:
        return Match(Outcome.NO_ROUTE if target.only else Outcome.HTTP_POLICY, bound, chain)
    uncertain = False
    for route in found.routes:
        if route.answers == "never":
            continue
        if not route.certain:
            uncertain = True
            continue
        return _routed(view, bound, chain, found, route, not uncertain)
    maybe = [route for route in found.routes if route.answers != "never"]
    if maybe:
        return _routed(view, bound, chain, found, maybe[0], False)
    return Match(Outcome.NO_ROUTE, bound, chain, found)


def _routed(
    view: PortView, bound: str, chain: Chain, found: VirtualHost, route: HttpRoute, certain: bool
) -> Match:
    if route.answers:
        return Match(Outcome.ANSWERED, bound, chain, found, answers=route.answers, certain=certain)
    known = tuple(cluster for cluster in route.clusters if view.has(cluster))
    missing = tuple(cluster for cluster in route.clusters if cluster not in known)
    outcome = Outcome.CLUSTER if known else Outcome.MISSING_CLUSTER
    return Match(outcome, bound, chain, found, known, missing, certain and not (known and missing))
