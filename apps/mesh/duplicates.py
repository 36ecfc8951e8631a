"""ServiceEntries that declare the same host and port for the same eyes, and which of them Istio takes.

Follows pilot/pkg/model/sidecar.go and push_context.go (servicesExportedToNamespace): a workload takes what
its own namespace says of a host, then what is exported to its namespace by name, then what is public,
the oldest first. An entry that is exported by name beside a public one is thus taken by exactly those it
names, which is what it says, and no duplicate. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.mesh.egress.registry import Registry
from apps.mesh.egress.services import RegistryService, ServicePort
from apps.mesh.refs import ResourceRef
from apps.mesh.visibility import audience, visible_to


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`first` is taken where both are seen, except in the namespace of `second` if it has one of its own
    and sees it (`kept_at_home`)."""

    host: str
    first: RegistryService
    second: RegistryService
    first_port: ServicePort
    second_port: ServicePort

    @property
    def kept_at_home(self) -> bool:
        home = self.second.namespace
        return home != self.first.namespace and visible_to(self.second.exported, home, home)


def duplicates(registry: Registry) -> Iterator[Duplicate]:
    """Every entry's port that an earlier entry, in Istio's order, declares for the same host."""
    for host, items in registry.shared():
        entries = [item for item in items if not item.kubernetes]
        if len({item.ref for item in entries}) > 1:
            yield from _of_host(host, entries)


def _of_host(host: str, entries: list[RegistryService]) -> Iterator[Duplicate]:
    """Audiences are kept by port, so that a host of many namespaces costs one look at each."""
    seen: dict[tuple[int, str], tuple[RegistryService, ServicePort]] = {}
    told: set[tuple[ResourceRef, int]] = set()
    for item in entries:
        watchers = audience(item.exported, item.namespace)
        for port in item.ports:
            before = _before(port.number, watchers, seen)
            if before is not None and before[0].ref != item.ref and (item.ref, port.number) not in told:
                told.add((item.ref, port.number))
                yield Duplicate(host, before[0], item, before[1], port)
            for name in watchers:
                seen.setdefault((port.number, name), (item, port))


def _before(
    number: int,
    watchers: frozenset[str],
    seen: dict[tuple[int, str], tuple[RegistryService, ServicePort]],
) -> tuple[RegistryService, ServicePort] | None:
    """The first that is exported to one of the same names (`*` is one) as this one."""
    found = [seen[number, name] for name in sorted(watchers) if (number, name) in seen]
    return min(found, key=lambda item: (item[0].created, item[0].namespace)) if found else None
