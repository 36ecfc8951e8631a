"""Everything Envoy would hold for one scope, built when it is first asked for and kept.

Joins the registry, the imports, the listeners and the routes; explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from apps.mesh.derived import Change
from apps.mesh.egress.builtgateways import built_listeners
from apps.mesh.egress.clusters import MeshIndex
from apps.mesh.egress.delegates import index_routes
from apps.mesh.egress.imports import Imports, ScopeImports, listeners_of
from apps.mesh.egress.listeners import build_listeners
from apps.mesh.egress.matching import ListenerSet, PortView
from apps.mesh.egress.meshroutes import mesh_routes
from apps.mesh.egress.proxyconfig import capturing
from apps.mesh.egress.reading import Reading
from apps.mesh.egress.routes import build_routes
from apps.mesh.egress.services import Registries, Registry, reader
from apps.mesh.egress.visible import Visibility, VisibleRoutes
from apps.mesh.hosts import resolve_short_name
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.objects.networking import (
    DestinationRule,
    Gateway,
    RouteMatch,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from apps.mesh.objects.selectors import is_subset
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import SidecarIndex
from apps.mesh.snapshot import Snapshot

_O = TypeVar("_O", bound=MeshObject)


@dataclass(frozen=True, slots=True)
class Reached:
    """The namespaces whose workloads may stand elsewhere after a change; their answers may differ too."""

    moved: frozenset[str] = frozenset()

    def __or__(self, other: Reached) -> Reached:
        return Reached(self.moved | other.moved)


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
        self.routes = (*own, *of_gateway_api.routes)
        self.gateways = self._read(snapshot.each(Gateway))
        self.built = built_listeners(snapshot, self._reading)
        self.asked_rules: set[str] = set()
        self._rules = self._rules_of(snapshot)
        self.subsets = self._subsets()
        self.workload_entries = self._read(snapshot.each(WorkloadEntry))
        self.envoy_filters = self._read(snapshot.each(EnvoyFilter))
        self.source_label_keys = _source_label_keys(self.routes)
        self._singular = _singular_namespaces(self.registry, self.routes)
        self._index = MeshIndex.of(self.registry, self.routes)
        self._visible = Visibility(self.registry)
        self._visible_routes = VisibleRoutes(self.routes, exported)
        self._imports: dict[tuple[str, ResourceRef | None], ScopeImports] = {}
        self._shared: dict[tuple[object, ...], Imports] = {}
        self._listeners: dict[tuple[object, ...], ListenerSet] = {}
        self._ports: dict[tuple[object, ...], PortView] = {}
        self._retired: tuple[Imports, ...] = ()

    def after(self, change: Change, snapshot: Snapshot) -> tuple[MeshView, Reached] | None:
        """The view after a change of Sidecars or DestinationRules, which shares what they leave alone, and
        whom the change reaches; None where it may reach everybody, or other kinds changed too."""
        made = copy(self)
        if change.kinds == {"DestinationRule"}:
            made._rules = made._rules_of(snapshot)
            hosts = {
                resolve_short_name(rule.host, rule.namespace) for rule in _every(change, DestinationRule)
            }
            return None if made._subsets() != self.subsets or hosts & self.asked_rules else (made, Reached())
        if change.kinds == {"Sidecar"}:
            root, changed = self.plane.config.root_namespace, _every(change, Sidecar)
            touched, refs = frozenset(item.namespace for item in changed), {item.ref for item in changed}
            if root in touched:
                return None
            made.sidecars = SidecarIndex(self._read(snapshot.each(Sidecar)), root)
            made._imports = {key: item for key, item in self._imports.items() if key[1] not in refs}
            made._shared = {key: item for key, item in self._shared.items() if key[0] not in refs}
            made._ports = {key: item for key, item in self._ports.items() if key[1] not in refs}
            # Listeners are known by the identity of imports, which must not be given to others meanwhile.
            made._listeners = dict(self._listeners)
            gone = tuple(item for key, item in self._shared.items() if key[0] in refs)
            made._retired = (*self._retired, *gone)
            return made, Reached(moved=touched)
        return None

    def under(self, plane: ControlPlane) -> MeshView | None:
        """The view of a control plane that differs in nothing but its outbound policy; None for another."""
        if reader(plane) != reader(self.plane):
            return None
        made = copy(self)
        made.plane = plane
        return made

    def _rules_of(self, snapshot: Snapshot) -> dict[str, list[DestinationRule]]:
        found: dict[str, list[DestinationRule]] = {}
        for rule in self._read(snapshot.each(DestinationRule)):
            found.setdefault(resolve_short_name(rule.host, rule.namespace), []).append(rule)
        return found

    def _subsets(self) -> frozenset[tuple[str, str]]:
        named = ((host, rule) for host, rules in self._rules.items() for rule in rules)
        return frozenset((host, subset.name) for host, rule in named for subset in rule.subsets)

    def _read(self, objects: Iterable[_O]) -> list[_O]:
        return self._reading.each(objects)

    def rules_for(self, host: str) -> tuple[DestinationRule, ...]:
        """The DestinationRules that name exactly this host."""
        self.asked_rules.add(host)
        return tuple(self._rules.get(host, ()))

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
                self._shared[key] = Imports(self._index, listeners, namespace, visible)
            self._imports[known] = ScopeImports(namespace, self._shared[key])
        return self._imports[known]

    def port(
        self, namespace: str, sidecar: Sidecar | None, number: int, labels: Mapping[str, str]
    ) -> PortView:
        """The view of one port for a proxy with these labels (only those that routes ask about count)."""
        asked = self.source_label_keys & labels.keys() if self.source_label_keys else ()
        relevant = tuple(sorted((name, labels[name]) for name in asked))
        key = (namespace, sidecar.ref if sidecar is not None else None, number, relevant)
        if key not in self._ports:
            imports = self.imports(namespace, sidecar)
            listeners = imports.shared.on_port(number)
            own = namespace if namespace in self._singular else ""
            shared = (id(imports.shared), number, relevant, own)
            if shared not in self._listeners:
                self._listeners[shared] = ListenerSet(
                    build_listeners(imports, number, labels, services=listeners)
                )
            routes = partial(build_routes, imports, number, dict(labels), listeners)
            self._ports[key] = PortView(self._listeners[shared], routes, imports.shared, self.subsets)
        return self._ports[key]


def _every(change: Change, kind: type[_O]) -> list[_O]:
    return [item for pair in change.objects for item in pair if isinstance(item, kind)]


def _names_own_namespace(sidecar: Sidecar | None) -> bool:
    """Whether an egress host stands for the workload's own namespace."""
    listeners = sidecar.egress if sidecar is not None else ()
    return any(host.lstrip("~").startswith("./") for listener in listeners for host in listener.hosts)


def _singular_namespaces(registry: Registry, routes: Sequence[VirtualService]) -> frozenset[str]:
    """Namespaces whose workloads may be treated unlike others that import the same: those that own a
    host which others own too, or an alias with its short names, or that a route asks for by name."""
    found = {item.namespace for item in registry.services if item.alias_of}
    for items in registry.by_host.values():
        owners = {item.namespace for item in items}
        if len(owners) > 1:
            found |= owners
    for route in routes:
        for part in (*route.http, *route.tls, *route.tcp):
            found.update(match.source_namespace for match in part.matches if match.source_namespace)
    return frozenset(found)


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
