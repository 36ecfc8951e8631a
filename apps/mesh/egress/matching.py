"""Where Envoy sends a connection: listener, filter chain, route. The order is Envoy's, without
backtracking to a less specific branch. Knows nothing of why the configuration is what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address

from apps.mesh.egress.chains import (
    Chain,
    ChainIndex,
    HttpTarget,
    Listener,
    TcpTarget,
    index_chains,
    names_of,
)
from apps.mesh.egress.imports import Imports
from apps.mesh.egress.routes import HttpRoute, RouteTable, VirtualHost
from apps.mesh.egress.services import ANY_ADDRESS, PODS, RegistryService
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
    """What decided. `bound` is the address of the listener ("" when none was found). `authority` is the Host
    that the route gives to requests, `aborted` how many percent of them a fault answers. `conditional` is for
    routes that all ask for more than a host and a plain `GET /`: other requests get 404."""

    outcome: Outcome
    bound: str = ""
    chain: Chain | None = None
    virtual_host: VirtualHost | None = None
    clusters: tuple[tuple[str, int, str], ...] = ()
    missing: tuple[tuple[str, int, str], ...] = ()
    certain: bool = True
    answers: str = ""
    status: int | None = None
    authority: str = ""
    aborted: float = 0
    conditional: bool = False

    @property
    def refuses(self) -> bool:
        """Whether the answer that Envoy gives itself is an error; a fault without a status is one of gRPC."""
        if self.answers == "redirect":
            return False
        return self.status >= 400 if self.status is not None else self.answers == "abort"

    @property
    def passes(self) -> bool:
        """Whether a route leads somewhere, or Envoy's own answer is no error."""
        return self.outcome is Outcome.CLUSTER or (self.outcome is Outcome.ANSWERED and not self.refuses)


class ListenerSet:
    """The listeners of one port, indexed when first looked into. Scopes that see the same share one."""

    __slots__ = ("_addresses", "_by_bound", "_indices")

    def __init__(self, by_bound: Mapping[str, Listener]) -> None:
        self._by_bound = by_bound
        self._indices: dict[str, ChainIndex] = {}
        self._addresses: tuple[tuple[str, RegistryService], ...] | None = None

    def __contains__(self, bound: str) -> bool:
        return bound in self._by_bound

    def index(self, bound: str) -> ChainIndex:
        if bound not in self._indices:
            self._indices[bound] = index_chains(self._by_bound[bound].chains)
        return self._indices[bound]

    def addresses(self) -> tuple[tuple[str, RegistryService], ...]:
        """One address for each listener or filter chain that a ServiceEntry's addresses made, and the
        service that claims it."""
        if self._addresses is None:
            found: dict[str, RegistryService] = {}
            for bound, listener in self._by_bound.items():
                for chain in listener.chains:
                    for net in chain.networks:
                        _claim(found, str(net.network_address), chain)
                if bound != ANY_ADDRESS and not bound.startswith(PODS):
                    _claim(found, bound, listener.chains[0])
            self._addresses = tuple(sorted(found.items(), key=lambda item: item[0]))
        return self._addresses


class PortView:
    """What a proxy does with one port: its listeners, its routes (built when first asked for), and the
    clusters it has."""

    __slots__ = ("_has_subset", "_routes", "_routes_of", "imports", "listeners")

    def __init__(
        self,
        listeners: ListenerSet,
        routes_of: Callable[[], RouteTable],
        imports: Imports,
        has_subset: Callable[[str, str], bool],
    ) -> None:
        self.listeners = listeners
        self.imports = imports
        self._has_subset = has_subset
        self._routes_of = routes_of
        self._routes: RouteTable | None = None

    @property
    def routes(self) -> RouteTable:
        if self._routes is None:
            self._routes = self._routes_of()
        return self._routes

    def has(self, cluster: tuple[str, int, str]) -> bool:
        host, port, subset = cluster
        return self.imports.has_cluster(host, port) and (not subset or self._has_subset(host, subset))


def _claim(found: dict[str, RegistryService], address: str, chain: Chain) -> None:
    service = chain.target.service if isinstance(chain.target, TcpTarget) else None
    if service is not None and not service.kubernetes:
        found.setdefault(address, service)


def match_connection(view: PortView, host: str, protocol: Protocol, ip: str, *, pods_of: str = "") -> Match:
    """Where bytes of that protocol go; `ip` "" stands for an address that no listener names, `pods_of`
    for the address of any pod behind that service."""
    bound = next((each for each in (ip, f"{PODS}{pods_of}") if each in view.listeners), ANY_ADDRESS)
    if bound not in view.listeners:
        return Match(Outcome.POLICY)
    chain = find_chain(view.listeners.index(bound), host, protocol, ip)
    if chain is None:
        return Match(Outcome.POLICY, bound)
    if isinstance(chain.target, TcpTarget):
        return _tcp(view, bound, chain, chain.target)
    if protocol is not Protocol.HTTP:
        return Match(Outcome.UNPARSABLE, bound, chain)
    return _http(view, bound, chain, chain.target, host)


def find_chain(index: ChainIndex, host: str, protocol: Protocol, ip: str) -> Chain | None:
    """Destination prefix, then SNI, then what the bytes look like; else the default chain."""
    name = host if protocol is Protocol.TLS and index.names_matter else ""
    addressed = _by_address(index, ip)
    by_name = _by_names(addressed) if addressed else index.by_name
    candidates = _by_name(by_name, name)
    plaintext = [chain for chain in candidates if chain.plaintext_http]
    if plaintext and protocol is not Protocol.TLS:
        # The transport "raw_buffer" has a branch of its own: no way back to chains without one.
        return plaintext[0] if protocol is Protocol.HTTP else index.default
    rest = [chain for chain in candidates if not chain.plaintext_http]
    return rest[0] if rest else index.default


def _by_address(index: ChainIndex, ip: str) -> list[Chain]:
    """The chains with the longest prefix that holds the address; none when no prefix does."""
    if not ip:
        return []
    address = ip_address(ip)
    best = -1
    found: list[Chain] = []
    for chain, networks in index.by_address:
        lengths = [net.prefixlen for net in networks if net.version == address.version and address in net]
        if lengths and max(lengths) >= best:
            found = [*found, chain] if max(lengths) == best else [chain]
            best = max(lengths)
    return found


def _by_names(chains: Sequence[Chain]) -> dict[str, tuple[Chain, ...]]:
    found: dict[str, tuple[Chain, ...]] = {}
    for chain in chains:
        for name in names_of(chain):
            found[name] = (*found.get(name, ()), chain)
    return found


def _by_name(by_name: Mapping[str, tuple[Chain, ...]], host: str) -> tuple[Chain, ...]:
    if host:
        labels = host.split(".")
        for name in (host, *("*." + ".".join(labels[index:]) for index in range(1, len(labels)))):
            if name in by_name:
                return by_name[name]
    return by_name.get("", ())


def _tcp(view: PortView, bound: str, chain: Chain, target: TcpTarget) -> Match:
    return _reached(view, target.clusters, Match(Outcome.CLUSTER, bound, chain))


def _http(view: PortView, bound: str, chain: Chain, target: HttpTarget, host: str) -> Match:
    if target.only:
        found = next(
            (item for item in view.routes.hosts if item.service and item.service.host == target.only), None
        )
    else:
        found = view.routes.find(host)
    if found is None:
        return Match(Outcome.NO_ROUTE if target.only else Outcome.HTTP_POLICY, bound, chain)
    maybe = [route for route in found.routes if route.taken is None]
    for route in found.routes:
        if route.taken:
            earlier = found.routes[: found.routes.index(route)]
            certain = all(other.taken is False for other in earlier)
            return _routed(view, bound, chain, found, route, certain)
    ways = [_routed(view, bound, chain, found, route, False) for route in maybe]
    if ways:
        return replace(next((way for way in ways if way.passes), ways[0]), conditional=True)
    return Match(Outcome.NO_ROUTE, bound, chain, found)


def _routed(
    view: PortView, bound: str, chain: Chain, found: VirtualHost, route: HttpRoute, certain: bool
) -> Match:
    if route.answers:
        return Match(
            Outcome.ANSWERED,
            bound,
            chain,
            found,
            answers=route.answers,
            certain=certain,
            status=route.status,
        )
    sent = Match(
        Outcome.CLUSTER,
        bound,
        chain,
        found,
        certain=certain,
        authority=route.authority,
        aborted=route.aborted,
    )
    return _reached(view, route.clusters, sent)


def _reached(view: PortView, clusters: Sequence[tuple[str, int, str]], match: Match) -> Match:
    """The match with where it leads: the first cluster, which gets most, decides."""
    known = tuple(cluster for cluster in clusters if view.has(cluster))
    missing = tuple(cluster for cluster in clusters if cluster not in known)
    refused = bool(missing) and clusters[0] == missing[0]
    outcome = Outcome.MISSING_CLUSTER if refused or not known else Outcome.CLUSTER
    certain = match.certain and not (known and missing)
    return replace(match, outcome=outcome, clusters=known, missing=missing, certain=certain)
