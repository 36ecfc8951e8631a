"""Everything Envoy would hold for one scope, built when it is first asked for and kept.

Joins the registry, the imports, the listeners and the routes; explains nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TypeVar

from apps.mesh.derived import Change
from apps.mesh.egress.builtgateways import built_listeners
from apps.mesh.egress.clientrules import ClientRules
from apps.mesh.egress.clusters import MeshIndex, merged_service, routes_by_destination
from apps.mesh.egress.delegates import index_routes
from apps.mesh.egress.distinctions import names_own_namespace, opaque, singular_namespaces, source_label_keys
from apps.mesh.egress.imports import Imports, ScopeImports, listeners_of
from apps.mesh.egress.listeners import build_listeners
from apps.mesh.egress.matching import ListenerSet, PortView
from apps.mesh.egress.meshroutes import mesh_routes
from apps.mesh.egress.proxyconfig import capturing
from apps.mesh.egress.reach import EntriesTouch, Reach, Touch, every, owners_of
from apps.mesh.egress.registry import Registries, Registry, hosts_of, order, reader, selecting_hosts
from apps.mesh.egress.routes import build_routes
from apps.mesh.egress.routetouch import RoutesTouch
from apps.mesh.egress.ruletouch import RulesTouch
from apps.mesh.egress.services import RegistryService
from apps.mesh.egress.visible import Visibility, VisibleRoutes
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.objects.networking import (
    DestinationRule,
    Gateway,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from apps.mesh.objects.selectors import is_subset
from apps.mesh.reading import Reading
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import SidecarIndex
from apps.mesh.snapshot import Snapshot

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
        self.source_label_keys = source_label_keys(self.routes)
        self._opaque = opaque(self.routes)
        self._singular = singular_namespaces(self.registry, self.routes)
        self._index = MeshIndex.of(self.registry, self.routes, one_each=plane.at_least(1, 31) is not False)
        self._visible = Visibility(self.registry)
        self._visible_routes = VisibleRoutes(self.routes, exported)
        self._imports: dict[tuple[str, ResourceRef | None], ScopeImports] = {}
        self._shared: dict[tuple[object, ...], Imports] = {}
        self._listeners: dict[tuple[object, ...], ListenerSet] = {}
        self._ports: dict[tuple[object, ...], PortView] = {}
        self._retired: tuple[Imports, ...] = ()

    def after(self, change: Change, snapshot: Snapshot) -> tuple[MeshView, Reach] | None:
        """The view after a change of FOLLOWED kinds, which shares what they leave alone, and which answers
        the change reaches; None where it may reach all of them."""
        made, kinds = copy(self), change.kinds
        if kinds & {"Namespace", "Service", "ServiceEntry"} and not self._reads_as_before(snapshot):
            return None
        if "Namespace" in kinds and self.plane.config.entry_cap_applies:
            return None
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
            made._change_routes(snapshot)
            if made.source_label_keys != self.source_label_keys:
                return None
        if "Gateway" in kinds:
            made.gateways = self._read(snapshot.each(Gateway))
        if kinds & {"Service", "ServiceEntry", "Workload"}:
            found = made._change_supply(self, change, snapshot)
            if found is None:
                return None
            touches.extend(found)
        if "VirtualService" in kinds:
            registries = (self.registry, made.registry)
            touches.append(RoutesTouch.of_routes(self.routes, made.routes, registries))
        if "DestinationRule" in kinds:
            pointing = (self._index.pointing, made._index.pointing)
            touches.append(RulesTouch.of_change(change, (self.registry, made.registry), pointing))
        anew = bool(kinds & {"Service", "ServiceEntry", "VirtualService"})
        if anew:
            made._singular = singular_namespaces(made.registry, made.routes)
            made._imports, made._shared, made._listeners, made._ports = {}, {}, {}, {}
            made._retired = ()
        return made, Reach(
            moved,
            tuple(touches),
            same_views=not anew,
            onward=change.namespaces({"Namespace", "Service", "Workload"}),
            gateways="Gateway" in kinds,
        )

    def _change_supply(self, old: MeshView, change: Change, snapshot: Snapshot) -> list[Touch] | None:
        """Brings up to date what there is to connect to, and says what that reaches; None for everything."""
        hosts, touches = selecting_hosts(change, snapshot), list[Touch]()
        if change.kinds & {"Service", "ServiceEntry"}:
            self.registry = snapshot.derived(Registries).of(self.plane)
            changed, registries = hosts_of(change), (old.registry, self.registry)
            if changed & (old.registry.tangled | self.registry.tangled):
                return None
            self._change_services(old, change)
            routes = old.routes if old.routes is self.routes else (*old.routes, *self.routes)
            touches.append(EntriesTouch.of_change(change, registries, routes, snapshot.each(Sidecar)))
            hosts |= changed
        return [*touches, self._leading_to(hosts, old)] if hosts else touches

    def _reads_as_before(self, snapshot: Snapshot) -> bool:
        """Whether namespaces, Services and entries, which decide what else is read and what routes of the
        Gateway API attach to, have left that as it was."""
        return (
            Reading.of(snapshot, self.plane) == self._reading
            and mesh_routes(snapshot, self._reading) == self._of_gateway_api
            and built_listeners(snapshot, self._reading) == self.built
        )

    def _leading_to(self, hosts: Collection[str], old: MeshView) -> Touch:
        """What may be reached where clusters of hosts, or their endpoints, are others: whatever is sent
        there, by routes too."""
        pointing = [
            route for view in (old, self) for host in hosts for route in view._index.pointing.get(host, ())
        ]
        touch = RoutesTouch.through(pointing, (*old.routes, *self.routes), (old.registry, self.registry))
        return replace(touch, goals=touch.goals | frozenset(hosts))

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

    def _change_routes(self, snapshot: Snapshot) -> None:
        exported = self.plane.config.virtual_service_export_to
        own = index_routes(self._read(snapshot.each(VirtualService)), exported)
        self.routes = (*own, *self._of_gateway_api.routes)
        self.source_label_keys = source_label_keys(self.routes)
        self._opaque = opaque(self.routes)
        self._visible_routes = VisibleRoutes(self.routes, exported)
        self._index = replace(self._index, pointing=routes_by_destination(self.routes))

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
        refs, hosts = owners_of(change), hosts_of(change)
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
            own = namespace in self._singular or names_own_namespace(sidecar)
            key = (known[1], id(visible), id(routes), namespace if own else "")
            if key not in self._shared:
                listeners = listeners_of(sidecar, namespace, routes)
                self._shared[key] = Imports(self._index, listeners, namespace, visible)
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
