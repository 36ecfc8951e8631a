"""What of the registry and of the VirtualServices a namespace sees, in Istio's order: found by host, by port
and by namespace without looking at the rest.

Knows nothing of Sidecars.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from typing import TypeVar

from apps.mesh.egress.registry import Registry, order, spliced
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import is_wildcard, matches
from apps.mesh.objects.networking import VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.visibility import is_public, visible_to

ANY_NAMESPACE = "*"
STEP = 1 << 20
"""The room between two places, for services that come later."""
Placed = tuple[int, RegistryService]
K = TypeVar("K")


class PlacedServices:
    """Services in an order that is kept whatever is asked for."""

    __slots__ = ("_by_port", "_namespaces", "_placed", "by_host", "services")

    def __init__(self, services: Iterable[RegistryService]) -> None:
        self.services = tuple(services)
        self._placed = [(place * STEP, service) for place, service in enumerate(self.services)]
        self.by_host: dict[str, tuple[RegistryService, ...]] = {}
        self._namespaces: dict[str, list[Placed]] = {}
        self._by_port: dict[int, dict[str, list[Placed]]] = {}
        for placed in self._placed:
            service = placed[1]
            known = self.by_host.get(service.host)
            self.by_host[service.host] = (service,) if known is None else (*known, service)
            self._namespaces.setdefault(service.namespace, []).append(placed)
            for number in {port.number for port in service.ports}:
                self._by_port.setdefault(number, {}).setdefault(service.namespace, []).append(placed)

    def after(self, gone: Collection[ResourceRef], new: Sequence[RegistryService]) -> PlacedServices:
        """The services without those of objects that are gone, and with new ones at their places."""
        owners = {ref.namespace for ref in gone}
        left = [item for item in self._placed if item[1].namespace in owners and item[1].ref in gone]
        away = {item[0] for item in left}
        made = copy(self)
        made._placed = [item for item in self._placed if item[0] not in away]
        added = [_placed_in(made._placed, service) for service in new]
        made.services = tuple(service for _, service in made._placed)
        if None in added:
            return PlacedServices(made.services)
        came = [item for item in added if item is not None]
        changes = [(item, False) for item in left] + [(item, True) for item in came]
        made._namespaces = _changed(self._namespaces, [(item[1].namespace, item, n) for item, n in changes])
        made._by_port = dict(self._by_port)
        for number in {port.number for item, _ in changes for port in item[1].ports}:
            there = [(item, n) for item, n in changes if item[1].port(number) is not None]
            known = self._by_port.get(number, {})
            made._by_port[number] = _changed(known, [(item[1].namespace, item, n) for item, n in there])
        made.by_host = dict(self.by_host)
        for host in {item[1].host for item, _ in changes}:
            found = spliced(self.by_host.get(host, ()), gone, [item for item in new if item.host == host])
            made.by_host[host] = tuple(found)
        return made

    def of(self, namespaces: Collection[str], number: int | None = None) -> Iterable[RegistryService]:
        """The services of these namespaces (`*` is all), of those that have a port if one is given."""
        if ANY_NAMESPACE in namespaces:
            if number is None:
                return self.services
            namespaces = self._by_port.get(number, {}).keys()
        found = self._namespaces if number is None else self._by_port.get(number, {})
        chosen = [item for name in namespaces for item in found.get(name, ())]
        chosen.sort(key=_place)
        return [service for _, service in chosen]


def _place(placed: Placed) -> int:
    return placed[0]


def _placed_in(placed: list[Placed], service: RegistryService) -> Placed | None:
    """Puts a service at its place; None where there is no room between its neighbours any more."""
    at = bisect_right(placed, order(service), key=lambda item: order(item[1]))
    below = placed[at - 1][0] if at else -STEP
    above = placed[at][0] if at < len(placed) else below + 2 * STEP
    found = ((below + above) // 2 if at else above - STEP, service)
    placed.insert(at, found)
    return found if below < found[0] < above or not at else None


def _changed(
    index: dict[K, list[Placed]], changes: Iterable[tuple[K, Placed, bool]]
) -> dict[K, list[Placed]]:
    """The index with items added (True) and taken out (False), each under its key."""
    made = dict(index)
    for key, item, comes in changes:
        rest = [other for other in made.get(key, ()) if other[0] != item[0]]
        made[key] = sorted([*rest, item], key=_place) if comes else rest
    return made


class VisibleServices:
    """What is exported to a namespace: to it and not to all first, then what everybody sees."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: Sequence[RegistryService], public: PlacedServices) -> None:
        self._private = PlacedServices(private) if private else None
        self._public = public

    def of(self, namespaces: Collection[str], number: int | None = None) -> Iterable[RegistryService]:
        """The services of these namespaces (`*` is all), of those that have a port if one is given."""
        public = self._public.of(namespaces, number)
        return public if self._private is None else [*self._private.of(namespaces, number), *public]

    def named(self, host: str) -> tuple[RegistryService, ...]:
        """The services of that host."""
        public = self._public.by_host.get(host, ())
        return public if self._private is None else (*self._private.by_host.get(host, ()), *public)


class Visibility:
    """What each namespace sees; namespaces that see the same share one answer."""

    __slots__ = ("_by_namespace", "_everybody", "_private", "_public")

    def __init__(self, registry: Registry) -> None:
        self._public = PlacedServices(item for item in registry.services if is_public(item.exported))
        self._everybody = VisibleServices((), self._public)
        self._private: dict[str, list[RegistryService]] = {}
        self._by_namespace: dict[str, VisibleServices] = {}
        for item in registry.services:
            for viewer in _viewers(item):
                self._private.setdefault(viewer, []).append(item)

    def after(self, gone: Sequence[RegistryService], new: Sequence[RegistryService]) -> Visibility:
        """What is seen without all the services of some objects (`gone`), and with new ones."""
        refs = {item.ref for item in gone}
        made = copy(self)
        made._public = self._public.after(refs, [item for item in new if is_public(item.exported)])
        made._everybody, made._by_namespace = VisibleServices((), made._public), {}
        made._private = dict(self._private)
        for viewer in {name for item in (*gone, *new) for name in _viewers(item)}:
            seen = [item for item in new if viewer in _viewers(item)]
            made._private[viewer] = spliced(self._private.get(viewer, ()), refs, seen)
        return made

    def of(self, namespace: str) -> VisibleServices:
        private = self._private.get(namespace)
        if not private:
            return self._everybody
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = VisibleServices(private, self._public)
        return self._by_namespace[namespace]


def _viewers(service: RegistryService) -> set[str]:
    """The namespaces that see a service which not everybody sees."""
    if is_public(service.exported):
        return set()
    owner = service.namespace
    return {name for name in {owner, *service.exported} if visible_to(service.exported, owner, name)}


class VisibleRoutes:
    """The VirtualServices of the mesh gateway that a namespace sees: its private ones, those exported to
    it by name, then the public ones; each part the oldest first, but for its own routes of the Gateway API,
    which come before others."""

    __slots__ = ("_by_namespace", "_named", "_preferring", "_public")

    def __init__(self, routes: Iterable[VirtualService], default: Iterable[str]) -> None:
        public: list[VirtualService] = []
        self._named: list[tuple[VirtualService, frozenset[str]]] = []
        self._by_namespace: dict[str, tuple[VirtualService, ...]] = {}
        for route in sorted(routes, key=lambda item: item.age_key):
            if route.gateways and "mesh" not in route.gateways:
                continue
            exported = frozenset(route.export_to or default)
            if is_public(exported):
                public.append(route)
            else:
                self._named.append((route, exported))
        self._public = tuple(public)
        routes = (*public, *(route for route, _ in self._named))
        self._preferring = {route.namespace for route in routes if route.of_gateway_api}

    def of(self, namespace: str) -> tuple[VirtualService, ...]:
        """The same object for namespaces that see nothing but what is public."""
        if namespace not in self._by_namespace:
            seen = [
                route for route, exported in self._named if visible_to(exported, route.namespace, namespace)
            ]
            own = [route for route in seen if route.namespace == namespace]
            others = [route for route in seen if route.namespace != namespace]
            public = self._public
            if namespace in self._preferring:
                own.sort(key=lambda route: not route.of_gateway_api)
                preferred = [route for route in public if _preferred(route, namespace)]
                public = (*preferred, *(route for route in public if not _preferred(route, namespace)))
            self._by_namespace[namespace] = (*own, *others, *public) if seen else public
        return self._by_namespace[namespace]


def _preferred(route: VirtualService, namespace: str) -> bool:
    return route.of_gateway_api and route.namespace == namespace


class OpaqueRoutes:
    """VirtualServices that route TLS or TCP, found by host: those of exact names without looking at all."""

    __slots__ = ("_by_host", "_loose", "_routes")

    def __init__(self, routes: Sequence[VirtualService]) -> None:
        self._routes = [route for route in routes if route.tls or route.tcp]
        self._by_host: dict[str, list[int]] = {}
        self._loose: list[tuple[int, str]] = []
        for place, route in enumerate(self._routes):
            for host in route.hosts:
                if is_wildcard(host):
                    self._loose.append((place, host))
                else:
                    self._by_host.setdefault(host, []).append(place)

    def of(self, host: str) -> Sequence[VirtualService]:
        """Those of which a host overlaps with this one, in the given order."""
        if not self._routes:
            return ()
        if is_wildcard(host):
            return [route for route in self._routes if any(matches(item, host) for item in route.hosts)]
        places = {
            *self._by_host.get(host, ()),
            *(place for place, item in self._loose if matches(item, host)),
        }
        return [self._routes[place] for place in sorted(places)]
