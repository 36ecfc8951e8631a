"""Which egress answers changed routes and DestinationRules may reach. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from apps.mesh.egress.candidates import Candidate
from apps.mesh.egress.reach import Test, always, may_mean
from apps.mesh.egress.registry import Registry
from apps.mesh.hosts import is_address, is_wildcard, matches, resolve_short_name, subset_of
from apps.mesh.objects.networking import DestinationRule, Route, VirtualService
from apps.mesh.verdicts import Destination, Protocol


@dataclass(frozen=True, slots=True)
class RulesTouch:
    """DestinationRules: the subsets and the TLS settings of a host count where a connection is sent to it."""

    goals: frozenset[str]

    @classmethod
    def of_rules(cls, rules: Iterable[DestinationRule], hosts: Iterable[str]) -> RulesTouch:
        """`hosts` are those of the registry: a rule for a wildcard holds for the ones inside it."""
        named = {resolve_short_name(rule.host, rule.namespace) for rule in rules}
        loose = [host for host in named if is_wildcard(host)]
        below = (host for host in hosts if any(subset_of(host, item) for item in loose))
        return cls(frozenset((*named, *(below if loose else ()))))

    def of(self, destination: Destination, found: Sequence[Candidate]) -> Test | None:
        return None


@dataclass(frozen=True, slots=True)
class RoutesTouch:
    """VirtualServices that differ in what decides egress, as they are in force (delegates merged). A host
    that one of them points at is a cluster."""

    hosts: frozenset[str]
    bound: frozenset[str]
    goals: frozenset[str]
    everything: bool

    @classmethod
    def of_routes(
        cls,
        before: Sequence[VirtualService],
        after: Sequence[VirtualService],
        registries: Iterable[Registry],
    ) -> RoutesTouch:
        """`registries` are those before and after."""
        old = {route.ref: route for route in before}
        new = {route.ref: route for route in after}
        pairs = [(old.get(ref), new.get(ref)) for ref in old.keys() | new.keys()]
        apart = [
            pair for pair in pairs if pair[0] is not pair[1] and _deciding(pair[0]) != _deciding(pair[1])
        ]
        return cls.through([route for pair in apart for route in pair if route is not None], registries)

    @classmethod
    def through(cls, found: Sequence[VirtualService], registries: Iterable[Registry]) -> RoutesTouch:
        """What these routes may do, whatever of them is another."""
        parts = [part for route in found for part in (*route.http, *route.tls, *route.tcp)]
        goals = frozenset(goal.host for part in parts for goal in part.destinations)
        hosts = frozenset(host for route in found for host in route.hosts)
        bound = [route for route in found if set(route.gateways) - {"mesh"}]
        tangled = any((hosts | goals) & registry.tangled for registry in registries)
        # TLS and TCP routes make listeners and their chains, on any port.
        everything = tangled or any(route.tls or route.tcp for route in found)
        return cls(hosts, frozenset(h for route in bound for h in route.hosts), goals, everything)

    def of(self, destination: Destination, found: Sequence[Candidate]) -> Test | None:
        if not self.hosts:
            return None
        # A gateway sends on what its own routes list; HTTP routes of the mesh decide for their hosts.
        if self.everything or any(matches(host, destination.host) for host in self.bound):
            return always
        if destination.protocol is Protocol.HTTP and self._may_route(destination):
            return always
        return None

    def _may_route(self, destination: Destination) -> bool:
        wide = any(map(is_wildcard, self.hosts))
        return wide or is_address(destination.host) or may_mean(destination, self.hosts)


def _deciding(route: VirtualService | None) -> VirtualService | None:
    """A VirtualService without what its routes do to requests that they let through."""
    if route is None:
        return None
    return replace(
        route,
        annotations={},
        http=tuple(map(_bare, route.http)),
        tls=tuple(map(_bare, route.tls)),
        tcp=tuple(map(_bare, route.tcp)),
    )


def _bare(part: Route) -> Route:
    return Route(
        matches=part.matches,
        destinations=part.destinations,
        answers=part.answers,
        direct_status=part.direct_status,
        delegate=part.delegate,
    )
