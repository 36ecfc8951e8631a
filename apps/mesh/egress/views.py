"""Everything Envoy would hold for one scope, built when it is first asked for and kept.

Joins the registry, the imports, the listeners and the routes; explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from apps.mesh.egress.delegates import index_routes
from apps.mesh.egress.imports import (
    ListenerImports,
    ScopeImports,
    VisibleServices,
    scope_imports,
    visible_routes,
)
from apps.mesh.egress.listeners import build_listeners
from apps.mesh.egress.matching import ListenerSet, PortView
from apps.mesh.egress.routes import build_routes
from apps.mesh.egress.services import Registries, Registry, RegistryService
from apps.mesh.hosts import resolve_short_name
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import (
    DestinationRule,
    Gateway,
    RouteMatch,
    Sidecar,
    VirtualService,
)
from apps.mesh.parsing.fields import Fields
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import SidecarIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import in_revision, is_public

_O = TypeVar("_O", bound=MeshObject)


class MeshView:
    """What one control plane knows: registry, Sidecars, VirtualServices, Gateways, subsets. Built once; what
    scopes see is kept, and shared by those that see the same."""

    def __init__(self, snapshot: Snapshot, plane: ControlPlane) -> None:
        self.plane = plane
        self.registry: Registry = snapshot.derived(Registries).of(plane)
        self.sidecars = SidecarIndex(self._read(snapshot.each(Sidecar)), plane.config.root_namespace)
        exported = plane.config.virtual_service_export_to
        self.routes = index_routes(self._read(snapshot.each(VirtualService)), exported)
        self.gateways = self._read(snapshot.each(Gateway))
        self._rules: dict[str, list[DestinationRule]] = {}
        for rule in self._read(snapshot.each(DestinationRule)):
            self._rules.setdefault(resolve_short_name(rule.host, rule.namespace), []).append(rule)
        self.subsets = frozenset(
            (host, subset.name)
            for host, rules in self._rules.items()
            for rule in rules
            for subset in rule.subsets
        )
        self.patched_by = _envoy_filters(snapshot)
        self.source_label_keys = _source_label_keys(self.routes)
        self._singular = _singular_namespaces(self.registry, self.routes)
        self._public = VisibleServices(self.registry.public)
        self._private = [item for item in self.registry.services if not is_public(item.exported)]
        self._visible: dict[tuple[int, ...], VisibleServices] = {(): self._public}
        self._imports: dict[tuple[str, ResourceRef | None], ScopeImports] = {}
        self._shared: dict[tuple[object, ...], ScopeImports] = {}
        self._by_port: dict[int, dict[int, list[list[RegistryService]]]] = {}
        self._listeners: dict[tuple[object, ...], ListenerSet] = {}
        self._ports: dict[tuple[object, ...], PortView] = {}

    def _read(self, objects: Iterable[_O]) -> list[_O]:
        return [item for item in objects if in_revision(item.labels, self.plane.revision, self.plane.tags)]

    def rules_for(self, host: str) -> tuple[DestinationRule, ...]:
        """The DestinationRules that name exactly this host."""
        return tuple(self._rules.get(host, ()))

    def visible(self, namespace: str) -> VisibleServices:
        private = self.registry.private_to(namespace) if self._private else ()
        key = tuple(map(id, private))
        if key not in self._visible:
            self._visible[key] = VisibleServices((*private, *self._public.services))
        return self._visible[key]

    def imports(self, namespace: str, sidecar: Sidecar | None) -> ScopeImports:
        """What the proxies of a scope import."""
        known = (namespace, sidecar.ref if sidecar is not None else None)
        if known not in self._imports:
            routes = visible_routes(self.routes, self.plane.config.virtual_service_export_to, namespace)
            visible = self.visible(namespace)
            own = namespace in self._singular or _names_own_namespace(sidecar)
            key = (known[1], id(visible), tuple(map(id, routes)), namespace if own else "")
            if key not in self._shared:
                self._shared[key] = scope_imports(self.registry, routes, sidecar, namespace, visible)
            self._imports[known] = replace(self._shared[key], namespace=namespace)
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
            trimmed = self._trimmed(imports, number)
            shared = (
                id(imports.listeners),
                number,
                relevant,
                namespace if namespace in self._singular else "",
            )
            if shared not in self._listeners:
                built = build_listeners(imports, number, labels, services=trimmed)
                self._listeners[shared] = ListenerSet(built)
            routes = partial(build_routes, imports, number, dict(labels), trimmed)
            self._ports[key] = PortView(self._listeners[shared], routes, imports.clusters, self.subsets)
        return self._ports[key]

    def _trimmed(self, imports: ScopeImports, number: int) -> list[ListenerImports]:
        """The egress listeners with only the services that have the port; one index for each set of
        listeners, which `_shared` keeps alive."""
        key = id(imports.listeners)
        if key not in self._by_port:
            index: dict[int, list[list[RegistryService]]] = {}
            for place, imported in enumerate(imports.listeners):
                for service in imported.services:
                    for port in {item.number for item in service.ports}:
                        index.setdefault(port, [[] for _ in imports.listeners])[place].append(service)
            self._by_port[key] = index
        empty: list[list[RegistryService]] = [[] for _ in imports.listeners]
        found = self._by_port[key].get(number, empty)
        return [
            imported if imported.http_proxy else replace(imported, services=tuple(services))
            for imported, services in zip(imports.listeners, found, strict=True)
        ]


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


def _envoy_filters(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Names of the EnvoyFilters that may patch what sidecars send out, by namespace."""
    found: dict[str, list[str]] = {}
    for manifest in snapshot.manifests("EnvoyFilter"):
        ref = ResourceRef.of(manifest)
        patches = Fields(manifest, ref, []).child("spec").items("configPatches")
        contexts = {patch.child("match").text("context", "ANY") for patch in patches}
        if contexts & {"ANY", "SIDECAR_OUTBOUND"}:
            found.setdefault(ref.namespace, []).append(ref.name)
    return {namespace: tuple(names) for namespace, names in found.items()}


def _source_label_keys(routes: Sequence[VirtualService]) -> frozenset[str]:
    matches: list[RouteMatch] = [
        match for route in routes for part in (*route.http, *route.tls, *route.tcp) for match in part.matches
    ]
    return frozenset(key for match in matches for key in match.source_labels)
