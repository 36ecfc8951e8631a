"""What of the registry and of the VirtualServices a namespace sees, in Istio's order: found by host, by port
and by namespace without looking at the rest.

Knows nothing of Sidecars.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from apps.mesh.egress.services import Registry, RegistryService
from apps.mesh.hosts import is_wildcard, matches
from apps.mesh.objects.networking import VirtualService
from apps.mesh.visibility import is_public, visible_to

ANY_NAMESPACE = "*"
Placed = tuple[int, RegistryService]


class PlacedServices:
    """Services in an order that is kept whatever is asked for."""

    __slots__ = ("_by_port", "_namespaces", "by_host", "services")

    def __init__(self, services: Iterable[RegistryService]) -> None:
        self.services = tuple(services)
        self.by_host: dict[str, tuple[RegistryService, ...]] = {}
        self._namespaces: dict[str, list[Placed]] = {}
        self._by_port: dict[int, dict[str, list[Placed]]] = {}
        for placed in enumerate(self.services):
            service = placed[1]
            known = self.by_host.get(service.host)
            self.by_host[service.host] = (service,) if known is None else (*known, service)
            self._namespaces.setdefault(service.namespace, []).append(placed)
            for number in {port.number for port in service.ports}:
                self._by_port.setdefault(number, {}).setdefault(service.namespace, []).append(placed)

    def of(self, namespaces: Collection[str], number: int | None = None) -> Iterable[RegistryService]:
        """The services of these namespaces (`*` is all), of those that have a port if one is given."""
        found = self._namespaces if number is None else self._by_port.get(number, {})
        if ANY_NAMESPACE in namespaces:
            if number is None:
                return self.services
            namespaces = found
        chosen = [item for name in namespaces for item in found.get(name, ())]
        chosen.sort(key=_place)
        return [service for _, service in chosen]


def _place(placed: Placed) -> int:
    return placed[0]


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
            if not is_public(item.exported):
                for viewer in {item.namespace, *item.exported}:
                    if visible_to(item.exported, item.namespace, viewer):
                        self._private.setdefault(viewer, []).append(item)

    def of(self, namespace: str) -> VisibleServices:
        private = self._private.get(namespace)
        if private is None:
            return self._everybody
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = VisibleServices(private, self._public)
        return self._by_namespace[namespace]


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
