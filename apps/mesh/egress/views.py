"""Everything Envoy would hold for one scope, built when it is first asked for and kept.

Joins the registry, the imports, the listeners and the routes; explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TypeVar

from apps.mesh.derived import Change
from apps.mesh.egress.builtgateways import built_listeners
from apps.mesh.egress.clientrules import ClientRules
from apps.mesh.egress.clusters import MeshIndex, merged_service, routes_by_destination
from apps.mesh.egress.delegates import index_routes
from apps.mesh.egress.imports import Imports, ScopeImports, listeners_of
from apps.mesh.egress.listeners import build_listeners
from apps.mesh.egress.matching import ListenerSet, PortView
from apps.mesh.egress.meshroutes import mesh_routes
from apps.mesh.egress.proxyconfig import capturing
from apps.mesh.egress.reach import EntriesTouch, Reach, RoutesTouch, Touch, every
from apps.mesh.egress.reading import Reading
from apps.mesh.egress.registry import Registries, Registry, hosts_of, order, reader
from apps.mesh.egress.routes import build_routes
from apps.mesh.egress.ruletouch import RulesTouch
from apps.mesh.egress.services import RegistryService
from apps.mesh.egress.visible import Visibility, VisibleRoutes
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.objects.networking import (
    DestinationRule,
    Gateway,
    RouteMatch,
    ServiceEntry,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from apps.mesh.objects.selectors import is_subset
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import SidecarIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.versions import version_of

EXACT_HOSTS_INDEXED = (1, 31)
_O = TypeVar("_O", bound=MeshObject)


class MeshView:
    """What one control plane knows: registry, Sidecars, VirtualServices, Gateways, subsets. Built once; what
    scopes see is kept, and shared by those that see the same."""

    def __init__(self, snapshot: Snapshot, plane: ControlPlane) -> None:
        self.plane = plane
        self.registry: Registry = snapshot.derived(Registries).of(plane)
        self._reading = Reading.of(snapshot, plane)
        self.sidecars = SidecarIndex(self._read(snapshot.each(Sidecar)), plane.config.root_namespace)
        exported = plane.config.virtual_service_export_to
        of_gateway_api = mesh_routes(snapshot, self._reading)
        self.undecided = of_gateway_api.undecided
        own = index_routes(self._read(snapshot.each(VirtualService)), exported)
        self._of_gateway_api = of_gateway_api
        self.routes = (*own, *of_gateway_api.routes)
        self.gateways = self._read(snapshot.each(Gateway))
        self.built = built_listeners(snapshot, self._reading)
        self.rules = ClientRules(self._read(snapshot.each(DestinationRule)), plane)
        self.workload_entries = self._read(snapshot.each(WorkloadEntry))
        self.envoy_filters = self._read(snapshot.each(EnvoyFilter))
        self.source_label_keys = _source_label_keys(self.routes)
        self._opaque = _opaque(self.routes)
        self._singular = _singular_namespaces(self.registry, self.routes)
        self._index = MeshIndex.of(self.registry, self.routes)
        self._visible = Visibility(self.registry)
        self._visible_routes = VisibleRoutes(self.routes, exported)
        self._imports: dict[tuple[str, ResourceRef | None], ScopeImports] = {}
        self._shared: dict[tuple[object, ...], Imports] = {}
        self._listeners: dict[tuple[object, ...], ListenerSet] = {}
        self._ports: dict[tuple[object, ...], PortView] = {}
        self._retired: tuple[Imports, ...] = ()

    def after(self, change: Change, snapshot: Snapshot) -> tuple[MeshView, Reach] | None:
        """The view after a change of kinds of CONFIGURATION, which shares what they leave alone, and which
        answers the change reaches; None where it may reach all of them."""
        made, kinds = copy(self), change.kinds
        moved: frozenset[str] = frozenset()
        touches: list[Touch] = []
        if "Sidecar" in kinds:
            moved = frozenset(item.namespace for item in every(change, Sidecar))
            if self.plane.config.root_namespace in moved:
                return None
            made._change_sidecars(change, snapshot)
        if "DestinationRule" in kinds:
            moved |= made._change_rules(change, snapshot)
        if "VirtualService" in kinds:
            exported = self.plane.config.virtual_service_export_to
            own = index_routes(self._read(snapshot.each(VirtualService)), exported)
            made.routes = (*own, *self._of_gateway_api.routes)
            made.source_label_keys = _source_label_keys(made.routes)
            if made.source_label_keys != self.source_label_keys:
                return None
            made._opaque = _opaque(made.routes)
            made._visible_routes = VisibleRoutes(made.routes, exported)
            made._index = replace(self._index, pointing=routes_by_destination(made.routes))
        if "ServiceEntry" in kinds:
            if mesh_routes(snapshot, self._reading) != self._of_gateway_api:
                return None  # their parent may be an entry
            made.registry = snapshot.derived(Registries).of(self.plane)
            if hosts_of(change) & made.registry.tangled:
                return None
            made._change_services(self, change)
            touches.append(
                EntriesTouch.of_change(
                    change,
                    (self.registry, made.registry),
                    (self._index.pointing, made._index.pointing),
                    self.routes if self.routes is made.routes else (*self.routes, *made.routes),
                    snapshot.each(Sidecar),
                )
            )
        if "VirtualService" in kinds:
            registries = (self.registry, made.registry)
            touches.append(RoutesTouch.of_routes(self.routes, made.routes, registries))
        if "DestinationRule" in kinds:
            pointing = (self._index.pointing, made._index.pointing)
            touches.append(RulesTouch.of_change(change, (self.registry, made.registry), pointing))
        if kinds & {"ServiceEntry", "VirtualService"}:
            made._singular = _singular_namespaces(made.registry, made.routes)
            made._imports, made._shared, made._listeners, made._ports = {}, {}, {}, {}
            made._retired = ()
        return made, Reach(moved, tuple(touches), same_views=kinds <= {"DestinationRule", "Sidecar"})

    def _change_sidecars(self, change: Change, snapshot: Snapshot) -> None:
        refs = {item.ref for item in every(change, Sidecar)}
        self.sidecars = SidecarIndex(self._read(snapshot.each(Sidecar)), self.plane.config.root_namespace)
        self._imports = {key: item for key, item in self._imports.items() if key[1] not in refs}
        # Listeners are known by the identity of imports, which must not be given to others meanwhile.
        gone = tuple(item for key, item in self._shared.items() if key[0] in refs)
        self._retired = (*self._retired, *gone)
        self._shared = {key: item for key, item in self._shared.items() if key[0] not in refs}
        self._ports = {key: item for key, item in self._ports.items() if key[1] not in refs}
        self._listeners = dict(self._listeners)

    def _change_rules(self, change: Change, snapshot: Snapshot) -> frozenset[str]:
        """The namespaces whose workloads may stand elsewhere after a change of DestinationRules."""
        before = self.rules
        self.rules = ClientRules(self._read(snapshot.each(DestinationRule)), self.plane)
        if before.have_subsets or self.rules.have_subsets:
            self._ports = {}  # views of ports hold the rules that they ask for subsets
        selecting = (rule for rule in every(change, DestinationRule) if rule.selector is not None)
        return frozenset(rule.namespace for rule in selecting)

    def _change_services(self, old: MeshView, change: Change) -> None:
        """Takes over what is seen of the registry but for the services of changed objects."""
        refs, hosts = {item.ref for item in every(change, ServiceEntry)}, hosts_of(change)
        gone, new = (
            [item for host in hosts for item in registry.by_host.get(host, ()) if item.ref in refs]
            for registry in (old.registry, self.registry)
        )
        new.sort(key=order)
        self._visible = old._visible.after(gone, new)
        self._index = self._index.after(self.registry, gone, new)

    def under(self, plane: ControlPlane) -> MeshView | None:
        """The view of a control plane that differs in nothing but its outbound policy; None for another."""
        if reader(plane) != reader(self.plane):
            return None
        made = copy(self)
        made.plane = plane
        return made

    def _read(self, objects: Iterable[_O]) -> list[_O]:
        return self._reading.each(objects)

    def at_gateways(self, namespace: str, host: str) -> RegistryService | None:
        """The service of a host at gateways of a namespace, which no Sidecar narrows (model/sidecar.go
        DefaultSidecarScopeForGateway)."""
        found: RegistryService | None = None
        for item in self._visible.of(namespace).named(host):
            found = merged_service(found, item)
        return found

    def patching(self, namespace: str, labels: Mapping[str, str]) -> tuple[EnvoyFilter, ...]:
        """The EnvoyFilters that select a sidecar and reach what it sends out."""
        return tuple(item for item in self.selecting(namespace, labels) if item.outbound)

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> Iterator[EnvoyFilter]:
        """The EnvoyFilters for a proxy with these labels: of its own namespace and of the root one."""
        places = (namespace, self.plane.config.root_namespace)
        for item in self.envoy_filters:
            if item.namespace in places and is_subset(item.selector or {}, labels):
                yield item

    def imports(self, namespace: str, sidecar: Sidecar | None) -> ScopeImports:
        """What the proxies of a scope import."""
        known = (namespace, sidecar.ref if sidecar is not None else None)
        if known not in self._imports:
            routes, visible = self._visible_routes.of(namespace), self._visible.of(namespace)
            own = namespace in self._singular or _names_own_namespace(sidecar)
            key = (known[1], id(visible), id(routes), namespace if own else "")
            if key not in self._shared:
                listeners = listeners_of(sidecar, namespace, routes)
                indexed = (version_of(self.plane.version) or (0,)) >= EXACT_HOSTS_INDEXED
                self._shared[key] = Imports(self._index, listeners, namespace, visible, indexed=indexed)
            self._imports[known] = ScopeImports(namespace, self._shared[key])
        return self._imports[known]

    def port(
        self, namespace: str, sidecar: Sidecar | None, number: int, labels: Mapping[str, str]
    ) -> PortView:
        """The view of one port for a proxy with these labels (only those that routes ask about count)."""
        asked = self.source_label_keys & labels.keys() if self.source_label_keys else ()
        relevant = tuple(sorted((name, labels[name]) for name in asked))
        rules = self.rules.selecting(namespace, labels)
        key = (namespace, sidecar.ref if sidecar is not None else None, number, relevant, rules)
        if key not in self._ports:
            imports = self.imports(namespace, sidecar)
            listeners = imports.shared.on_port(number)
            own = namespace if namespace in self._singular else ""
            shared = (number, relevant, own, *self._made_of(imports.shared, number))
            if shared not in self._listeners:
                self._listeners[shared] = ListenerSet(
                    build_listeners(imports, number, labels, services=listeners)
                )
            routes = partial(build_routes, imports, number, dict(labels), listeners)
            subsets = partial(self.rules.has_subset, imports, dict(labels))
            self._ports[key] = PortView(self._listeners[shared], routes, imports.shared, subsets)
        return self._ports[key]

    def _made_of(self, imports: Imports, number: int) -> Iterator[object]:
        """What the listeners of a port follow from: the services there, and where routes of TLS or TCP are
        imported, what these point at."""
        for item in imports.on_port(number):
            if self._opaque and not self._opaque.isdisjoint(map(id, item.virtual_services)):
                yield id(imports)
            yield item.listener.port, item.listener.bind, item.listener.capture_mode
            yield tuple(map(id, item.services))


def _names_own_namespace(sidecar: Sidecar | None) -> bool:
    """Whether an egress host stands for the workload's own namespace."""
    listeners = sidecar.egress if sidecar is not None else ()
    return any(host.lstrip("~").startswith("./") for listener in listeners for host in listener.hosts)


def _singular_namespaces(registry: Registry, routes: Sequence[VirtualService]) -> frozenset[str]:
    """Namespaces whose workloads may be treated unlike others that import the same: those that own a
    host which others own too, or an alias with its short names, or that a route asks for by name."""
    tangled = (item for host in registry.tangled for item in registry.by_host.get(host, ()))
    found = {item.namespace for item in tangled if item.alias_of}
    for _, items in registry.shared():
        owners = {item.namespace for item in items}
        if len(owners) > 1:
            found |= owners
    for route in routes:
        for part in (*route.http, *route.tls, *route.tcp):
            found.update(match.source_namespace for match in part.matches if match.source_namespace)
    return frozenset(found)


def _opaque(routes: Iterable[VirtualService]) -> frozenset[int]:
    """The identities of those that route TLS or TCP."""
    return frozenset(id(route) for route in routes if route.tls or route.tcp)


def _source_label_keys(routes: Sequence[VirtualService]) -> frozenset[str]:
    matches: list[RouteMatch] = [
        match for route in routes for part in (*route.http, *route.tls, *route.tcp) for match in part.matches
    ]
    return frozenset(key for match in matches for key in match.source_labels)


def reconfigured(
    views: Mapping[tuple[str, str, bool], MeshView], snapshot: Snapshot
) -> dict[tuple[str, str, bool], MeshView]:
    """The views, by control plane and DNS capture, that are the same after MeshConfigs changed, but for
    the outbound policy."""
    planes = {(plane.namespace, plane.revision): plane for plane in control_planes(snapshot)}
    found = {
        key: view.under(capturing(planes[key[:2]], key[2]))
        for key, view in views.items()
        if key[:2] in planes
    }
    return {key: view for key, view in found.items() if view is not None}
