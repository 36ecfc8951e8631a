"""The service registry of a control plane, built from Services and ServiceEntries, and brought up to date
after some of them changed.

Follows pilot/pkg/serviceregistry. Knows nothing of Sidecars.
"""

from __future__ import annotations

from bisect import insort_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from apps.mesh.derived import Change
from apps.mesh.egress.services import SERVER_FIRST, RegistryService, from_entry, from_service
from apps.mesh.hosts import service_host
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.networking import Service, ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import EntryVisibility, discovered, entry_cap, in_revision

_ORDERED = SERVER_FIRST | {"HTTP_PROXY"}


@dataclass(frozen=True, slots=True)
class Registry:
    """All services one control plane knows, the oldest first; `by_host` is in no order. `hidden` are
    ServiceEntries it never reads, each with the reason; `tangled` the hosts of ExternalName Services and
    those they point at; `ordered_ports` those on which listeners depend on the order of services, or did."""

    services: tuple[RegistryService, ...]
    by_host: dict[str, tuple[RegistryService, ...]] = field(default_factory=dict)
    hidden: tuple[tuple[ServiceEntry, str], ...] = ()
    tangled: frozenset[str] = frozenset()
    ordered_ports: frozenset[int] = frozenset()

    def shared(self) -> list[tuple[str, tuple[RegistryService, ...]]]:
        """The hosts of several services, with these, in the order of the first of them."""
        several = [pair for pair in self.by_host.items() if len(pair[1]) > 1]
        return sorted(several, key=lambda pair: order(pair[1][0]))


class Registries:
    """The registry of each control plane, built once; ask for it through `snapshot.derived`. `carried` says
    that all registries of before are there, with the changed hosts alone as others."""

    INPUTS: ClassVar[frozenset[str]] = frozenset({"Namespace", "Service", "ServiceEntry"})
    __slots__ = ("_found", "_snapshot", "carried")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.carried = False
        self._found: list[tuple[ControlPlane, Registry]] = []

    @classmethod
    def after(cls, old: Registries, change: Change, snapshot: Snapshot) -> Registries:
        """Only the changed Services and ServiceEntries are read again, unless namespaces changed and decide
        what is read of them."""
        made = cls(snapshot)
        objects = bool(change.kinds & {"Service", "ServiceEntry"})
        for plane, registry in old._found:
            config = plane.config
            if "Namespace" in change.kinds and (config.discovery_selectors or config.entry_cap_applies):
                continue
            updated = _updated(registry, change, snapshot, plane) if objects else registry
            if updated is not None:
                made._found.append((plane, updated))
        made.carried = len(made._found) == len(old._found)
        return made

    def of(self, plane: ControlPlane) -> Registry:
        """The registry of a control plane. Those that read the same share one: what MeshConfig says is not
        among INPUTS, so a patched snapshot may come with another one."""
        read_by = reader(plane)
        for known, registry in self._found:
            if known == read_by:
                return registry
        self._found.append((read_by, build_registry(self._snapshot, plane)))
        return self._found[-1][1]


def reader(plane: ControlPlane) -> ControlPlane:
    """The control plane without what decides nothing about what it reads: its policy, and what it runs as."""
    config = replace(plane.config, outbound=None, policy_ref=None, policy_line=0, unread=())
    return replace(plane, config=config, version="", deployment=None, config_map=None)


def build_registry(snapshot: Snapshot, plane: ControlPlane) -> Registry:
    """The registry of a control plane: its discovery selectors and revision filter applied."""
    hidden: list[tuple[ServiceEntry, str]] = []
    services: list[RegistryService] = []
    for service in snapshot.each(Service):
        services.extend(_read(snapshot, plane, service, hidden))
    for entry in snapshot.each(ServiceEntry):
        services.extend(_read(snapshot, plane, entry, hidden))
    services.sort(key=order)
    aliases = _aliases(services)
    by_host: dict[str, list[RegistryService]] = {}
    for item in services:
        by_host.setdefault(item.host, []).append(item)
    for host in aliases.keys() & by_host.keys():
        by_host[host] = [replace(item, aliases=tuple(aliases[host])) for item in by_host[host]]
    hosts = {host: tuple(items) for host, items in by_host.items()}
    if aliases:
        services = sorted((item for items in hosts.values() for item in items), key=order)
    tangled = {name for item in services if item.alias_of for name in (item.host, item.alias_of)}
    return Registry(tuple(services), hosts, tuple(hidden), frozenset(tangled), _ordered_ports(services))


def _updated(registry: Registry, change: Change, snapshot: Snapshot, plane: ControlPlane) -> Registry | None:
    """The registry after a change of Services and ServiceEntries; None where names of others are tangled up
    in it, so that more than the changed objects' own services may be others."""
    gone = {item.ref for pair in change.objects for item in pair if item is not None}
    hidden = [found for found in registry.hidden if found[0].ref not in gone]
    new: list[RegistryService] = []
    for _, item in change.objects:
        if isinstance(item, Service | ServiceEntry):
            new.extend(_read(snapshot, plane, item, hidden))
    hidden.sort(key=lambda found: (found[0].namespace, found[0].name))
    hosts = hosts_of(change)
    if hosts & registry.tangled or any(item.alias_of for item in new):
        return None
    services = spliced(registry.services, gone, new)
    by_host = dict(registry.by_host)
    for host in hosts:
        by_host[host] = tuple(
            spliced(by_host.get(host, ()), gone, [item for item in new if item.host == host])
        )
        if not by_host[host]:
            del by_host[host]
    ordered = registry.ordered_ports | _ordered_ports(new)
    return Registry(tuple(services), by_host, tuple(hidden), registry.tangled, ordered)


def _ordered_ports(services: Iterable[RegistryService]) -> frozenset[int]:
    return frozenset(port.number for item in services for port in item.ports if port.protocol in _ORDERED)


def hosts_of(change: Change) -> set[str]:
    """The hosts of the Services and ServiceEntries that changed, before and after."""
    found: set[str] = set()
    for pair in change.objects:
        for item in pair:
            if isinstance(item, Service):
                found.add(service_host(item.name, item.namespace))
            elif isinstance(item, ServiceEntry):
                found.update(item.hosts)
    return found


def selecting_hosts(change: Change, snapshot: Snapshot) -> frozenset[str]:
    """The hosts of entries that take their endpoints from workloads of namespaces in which some changed."""
    return frozenset(
        host
        for name in change.namespaces({"Workload"})
        for entry in snapshot.each_in(ServiceEntry, name)
        if entry.workload_selector is not None
        for host in entry.hosts
    )


def order(service: RegistryService) -> tuple[str | bool, ...]:
    """The place of a service among all others: the oldest first, as istiod sorts them; of two alike the
    Service before the ServiceEntry, then by ref. The services of one object keep their order."""
    ref = service.ref
    name = ref.name if service.kubernetes else service.host
    return (service.created, f"{name}.{service.namespace}", not service.kubernetes, ref.namespace, ref.name)


def spliced(
    services: Iterable[RegistryService], gone: Collection[ResourceRef], new: Iterable[RegistryService]
) -> list[RegistryService]:
    """Services in their order without those of objects that are gone, and with new ones at their places."""
    owners = {ref.namespace for ref in gone}  # a namespace is quicker to compare than a ref
    found = [item for item in services if item.namespace not in owners or item.ref not in gone]
    for service in new:
        insort_right(found, service, key=order)
    return found


def _discovered(snapshot: Snapshot, plane: ControlPlane, namespace: str) -> bool:
    selectors = plane.config.discovery_selectors
    if not selectors:
        return True
    found = snapshot.namespaces.get(namespace)
    return discovered(selectors, found.labels if found is not None else {})


def _cap(snapshot: Snapshot, plane: ControlPlane, entry: ServiceEntry) -> EntryVisibility:
    if not plane.config.entry_cap_applies:
        return EntryVisibility.PUBLIC
    found = snapshot.namespaces.get(entry.namespace)
    labels = found.labels if found is not None else {}
    return entry_cap(plane.config.entry_policies, plane.config.entry_default, labels)


def _read(
    snapshot: Snapshot,
    plane: ControlPlane,
    item: Service | ServiceEntry,
    hidden: list[tuple[ServiceEntry, str]],
) -> list[RegistryService]:
    """The services that one object makes; an entry that the control plane does not read goes to `hidden`."""
    config, seen = plane.config, _discovered(snapshot, plane, item.namespace)
    if isinstance(item, Service):
        return from_service(item, config.service_export_to) if seen else []
    if not seen:
        hidden.append((item, "its namespace is outside the mesh's discoverySelectors"))
        return []
    if not in_revision(item.labels, plane.revision):
        hidden.append((item, f"its label istio.io/rev limits it to {item.labels['istio.io/rev']}"))
        return []
    cap = _cap(snapshot, plane, item)
    return from_entry(item, config.service_export_to, cap, config.dns_capture)


def _aliases(services: Iterable[RegistryService]) -> dict[str, list[str]]:
    """The ExternalName hosts that point at a host, by that host."""
    targets = {service.host: service.alias_of for service in services if service.alias_of}
    found: dict[str, list[str]] = {}
    for host in sorted(targets):
        target, seen = targets[host], {host}
        while target in targets and target not in seen:
            seen.add(target)
            target = targets[target]
        if target not in targets:
            found.setdefault(target, []).append(host)
    return found
