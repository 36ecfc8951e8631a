"""The values an Envoy listener is made of, as far as they decide where a connection goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import network
from apps.mesh.objects.networking import VirtualService


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """A TCP proxy: to a service's cluster, or to those a VirtualService's route names."""

    clusters: tuple[tuple[str, int, str], ...]
    service: RegistryService | None
    route: VirtualService | None = None


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An HTTP connection manager. `only` names the one service of a sniffed listener; "" means the
    routes that all HTTP services of the port share."""

    only: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """One filter chain. `plaintext_http` asks for bytes that look like HTTP."""

    target: TcpTarget | HttpTarget
    sni: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    plaintext_http: bool = False

    @property
    def match_all(self) -> bool:
        return not self.plaintext_http and not self.cidrs and (not self.sni or "*" in self.sni)

    @property
    def criteria(self) -> tuple[bool, frozenset[str], frozenset[str]]:
        """Two chains with the same criteria cannot both be in a listener: the first stays."""
        names = frozenset(name for name in self.sni if name != "*")
        return (self.plaintext_http, names, frozenset(str(network(cidr)) for cidr in self.cidrs))

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(found for found in map(network, self.cidrs) if found is not None)


@dataclass(slots=True)
class Listener:
    """`kind` is http, tcp or auto; `first` the protocol of the port it was made for. A locked
    listener belongs to an egress listener with a port: nothing is added to it."""

    kind: str
    first: str
    chains: list[Chain] = field(default_factory=list)
    locked: bool = False
    seen: set[tuple[bool, frozenset[str], frozenset[str]]] = field(default_factory=set)

    def merge(self, incoming: Iterable[Chain]) -> None:
        """Adds the chains whose criteria no chain of the listener has yet."""
        for chain in incoming:
            criteria = chain.criteria
            if criteria not in self.seen:
                self.seen.add(criteria)
                self.chains.append(chain)


@dataclass(frozen=True, slots=True)
class ChainIndex:
    """The chains of a finished listener, ordered for looking up: those with addresses apart, the
    others by server name ("" holds those that ask for none)."""

    default: Chain | None
    by_address: tuple[tuple[Chain, tuple[IPv4Network | IPv6Network, ...]], ...]
    by_name: dict[str, tuple[Chain, ...]]
    names_matter: bool


def index_chains(chains: Iterable[Chain]) -> ChainIndex:
    default: Chain | None = None
    addressed: list[tuple[Chain, tuple[IPv4Network | IPv6Network, ...]]] = []
    named: dict[str, list[Chain]] = {}
    matter = False
    for chain in chains:
        matter = matter or bool(chain.sni)
        if chain.match_all:
            default = default or chain
        elif chain.cidrs:
            addressed.append((chain, chain.networks))
        else:
            for name in names_of(chain):
                named.setdefault(name, []).append(chain)
    by_name = {name: tuple(found) for name, found in named.items()}
    return ChainIndex(default, tuple(addressed), by_name, matter)


def names_of(chain: Chain) -> tuple[str, ...]:
    """The server names a chain asks for; ("",) when it takes any."""
    return ("",) if not chain.sni or "*" in chain.sni else chain.sni
