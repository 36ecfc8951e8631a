"""Everything Envoy would hold for one scope, built when it is first asked for and kept.

Joins the registry, the imports, the listeners and the routes; explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from apps.mesh.egress.imports import ListenerImports, ScopeImports, scope_imports, visible_routes
from apps.mesh.egress.listeners import build_listeners
from apps.mesh.egress.matching import PortView
from apps.mesh.egress.routes import build_routes
from apps.mesh.egress.services import Registry, RegistryService, build_registry
from apps.mesh.hosts import resolve_short_name
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import (
    DestinationRule,
    Route,
    RouteMatch,
    Sidecar,
    VirtualService,
)
from apps.mesh.refs import ResourceRef
from apps.mesh.scopes import SidecarIndex
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import in_revision

_O = TypeVar("_O", bound=MeshObject)


class MeshView:
    """What one control plane knows: registry, Sidecars, VirtualServices, subsets. Built once."""

    def __init__(self, snapshot: Snapshot, plane: ControlPlane) -> None:
        self.plane = plane
        self.registry: Registry = build_registry(snapshot, plane)
        self.sidecars = SidecarIndex(self._read(snapshot.each(Sidecar)), plane.config.root_namespace)
        self.routes = tuple(resolve_route(route) for route in self._read(snapshot.each(VirtualService)))
        self.subsets = frozenset(
            (resolve_short_name(rule.host, rule.namespace), subset)
            for rule in self._read(snapshot.each(DestinationRule))
            for subset in rule.subsets
        )
        self.source_label_keys = _source_label_keys(self.routes)
        self._visible: dict[str, tuple[RegistryService, ...]] = {}
        self._imports: dict[tuple[str, ResourceRef | None], ScopeImports] = {}
        self._by_port: dict[tuple[str, ResourceRef | None], dict[int, list[list[RegistryService]]]] = {}
        self._ports: dict[tuple[str, ResourceRef | None, int, tuple[tuple[str, str], ...]], PortView] = {}

    def _read(self, objects: Iterable[_O]) -> list[_O]:
        return [item for item in objects if in_revision(item.labels, self.plane.revision, self.plane.tags)]

    def visible(self, namespace: str) -> tuple[RegistryService, ...]:
        if namespace not in self._visible:
            self._visible[namespace] = self.registry.seen_from(namespace)
        return self._visible[namespace]

    def imports(self, namespace: str, sidecar: Sidecar | None) -> ScopeImports:
        key = (namespace, sidecar.ref if sidecar is not None else None)
        if key not in self._imports:
            routes = visible_routes(self.routes, self.plane.config.virtual_service_export_to, namespace)
            self._imports[key] = scope_imports(
                self.registry, routes, sidecar, namespace, self.visible(namespace)
            )
        return self._imports[key]

    def port(
        self, namespace: str, sidecar: Sidecar | None, number: int, labels: Mapping[str, str]
    ) -> PortView:
        """The view of one port for a proxy with these labels (only those that routes ask about count)."""
        ref = sidecar.ref if sidecar is not None else None
        relevant = tuple(sorted((k, v) for k, v in labels.items() if k in self.source_label_keys))
        key = (namespace, ref, number, relevant)
        if key not in self._ports:
            imports = self.imports(namespace, sidecar)
            trimmed = self._trimmed(imports, (namespace, ref), number)
            self._ports[key] = PortView(
                build_listeners(imports, number, labels, services=trimmed),
                build_routes(imports, number, labels, trimmed),
                imports.clusters,
                self.subsets,
            )
        return self._ports[key]

    def _trimmed(
        self, imports: ScopeImports, key: tuple[str, ResourceRef | None], number: int
    ) -> list[ListenerImports]:
        """The egress listeners with only the services that have the port; one index a scope."""
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


def resolve_route(route: VirtualService) -> VirtualService:
    """Short names become the names of Services, `.` the own namespace, gateways get theirs
    (pilot/pkg/model/virtualservice.go ResolveVirtualServiceShortnames)."""
    namespace = route.namespace
    return replace(
        route,
        hosts=tuple(resolve_short_name(host, namespace) for host in route.hosts),
        http=tuple(_resolve(part, namespace) for part in route.http),
        tls=tuple(_resolve(part, namespace) for part in route.tls),
        tcp=tuple(_resolve(part, namespace) for part in route.tcp),
    )


def _resolve(part: Route, namespace: str) -> Route:
    return replace(
        part,
        destinations=tuple(
            replace(item, host=resolve_short_name(item.host, namespace)) for item in part.destinations
        ),
    )


def _source_label_keys(routes: Sequence[VirtualService]) -> frozenset[str]:
    matches: list[RouteMatch] = [
        match for route in routes for part in (*route.http, *route.tls, *route.tcp) for match in part.matches
    ]
    return frozenset(key for match in matches for key in match.source_labels)
