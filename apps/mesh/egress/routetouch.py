"""Which egress answers changed routes may reach. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from apps.mesh.egress.candidates import Candidate
from apps.mesh.egress.reach import Test, always, may_mean
from apps.mesh.egress.registry import Registry
from apps.mesh.hosts import is_address, is_wildcard, matches
from apps.mesh.objects.networking import Route, VirtualService
from apps.mesh.verdicts import Destination, Protocol


def at_gateways(
    bound: Sequence[VirtualService], routes: Iterable[VirtualService]
) -> tuple[frozenset[str], bool]:
    """The hosts of which a gateway may do something else with requests where these routes of its own differ,
    and whether it may with everything: TLS and TCP go by no Host, and a route may give a request another."""
    hosts = frozenset(host for route in bound for host in route.hosts)
    given = {part.authority for route in routes for part in route.http if part.authority} if hosts else set()
    renamed = any(matches(host, name) for host in hosts for name in given)
    return hosts, renamed or any(route.tls or route.tcp for route in bound)


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
        found = [route for pair in apart for route in pair if route is not None]
        return cls.through(found, (*before, *after), registries)

    @classmethod
    def through(
        cls,
        found: Sequence[VirtualService],
        routes: Iterable[VirtualService],
        registries: Iterable[Registry],
    ) -> RoutesTouch:
        """What these routes, of all `routes`, may do, whatever of them is another."""
        parts = [part for route in found for part in (*route.http, *route.tls, *route.tcp)]
        goals = frozenset(goal.host for part in parts for goal in part.destinations)
        hosts = frozenset(host for route in found for host in route.hosts)
        bound = [route for route in found if set(route.gateways) - {"mesh"}]
        tangled = any((hosts | goals) & registry.tangled for registry in registries)
        named, all_of_them = at_gateways(bound, routes)
        # TLS and TCP routes make listeners and their chains, on any port.
        everything = tangled or all_of_them or any(route.tls or route.tcp for route in found)
        return cls(hosts, named, goals, everything)

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
        authority=part.authority,
        abort=part.abort,
    )
