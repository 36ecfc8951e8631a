"""Which hosts the mesh knows, and who sees them: a question costs a look-up or a walk up the name.

Rests on the registry that egress verdicts use, so that checks and verdicts never differ. Hosts are
compared as Istio compares them (see `hosts`), never by the end of their text. Knows nothing of Sidecars.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import copy
from typing import ClassVar

from apps.mesh.derived import Change
from apps.mesh.egress.registry import Registries, Registry, hosts_of
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import is_address, is_wildcard, resolve_short_name, service_names, subset_of
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Service
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.planes import namespace_planes
from apps.mesh.snapshot import Gap, Snapshot
from apps.mesh.visibility import visible_to

INPUTS = PLANE_INPUTS | {"Service", "ServiceEntry"}
EVERYTHING = "*"
PARTIAL = "the manifests are not all of the cluster's"


def whole(snapshot: Snapshot) -> bool:
    """Whether what is not there does not exist. Every cluster has kube-system; a directory of manifests
    without it may hold any part of what there is."""
    return "kube-system" in snapshot.derived(namespace_names) and not snapshot.missing("Namespace")


def namespace_names(snapshot: Snapshot) -> frozenset[str]:
    """The namespaces that have an object; ask for it through `snapshot.derived`."""
    return frozenset(snapshot.namespaces)


def knows(snapshot: Snapshot, kind: type[MeshObject], namespace: str) -> bool:
    """Whether an object of a kind that is not there is missing: in a cluster always, in a directory of
    manifests where it holds others of the kind in the namespace."""
    return whole(snapshot) or bool(snapshot.each_in(kind, namespace))


class KnownHosts:
    """The hosts of every control plane; ask for it through `snapshot.derived`. A host is always asked
    for from a namespace: that of the object which names it."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS
    __slots__ = (
        "_asked",
        "_by_namespace",
        "_changed",
        "_indexes",
        "_planes",
        "_registries",
        "_snapshot",
        "_token",
        "_whole",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._planes = snapshot.derived(namespace_planes)
        self._registries = snapshot.derived(Registries)
        self._by_namespace: dict[str, Registry] = {}
        self._indexes: dict[int, _Index] = {}
        self._asked: set[tuple[bool, str]] | None = None
        self._whole = whole(snapshot)
        self._token = object()
        self._changed: tuple[object, frozenset[str]] | None = None

    @classmethod
    def after(cls, old: KnownHosts, change: Change, snapshot: Snapshot) -> KnownHosts:
        """Knows which hosts are others than before, where registries were brought up to date and nothing else
        decides what is known."""
        made = cls(snapshot)
        carried = made._registries is old._registries or made._registries.carried
        same = (carried, made._planes is old._planes, made._whole is old._whole)
        spaces = change.namespaces({"Service"})
        if made._registries is old._registries:
            made._indexes = dict(old._indexes)
        if all(same) and all(made._has_services(name) == old._has_services(name) for name in spaces):
            made._changed = (old._token, frozenset(hosts_of(change)))
        return made

    def _has_services(self, namespace: str) -> bool:
        return bool(self._snapshot.each_in(Service, namespace))

    def asking(self, asked: set[tuple[bool, str]]) -> KnownHosts:
        """The same, and it notes in `asked` which hosts it is asked for (False), and which wildcards for what
        is below them (True)."""
        made = copy(self)
        made._asked = asked
        return made

    def answers_as(self, old: KnownHosts, asked: Collection[tuple[bool, str]]) -> bool:
        """Whether it answers as the one that it was made after, to all that was noted."""
        if self._changed is None or self._changed[0] is not old._token:
            return False
        hosts = self._changed[1]
        wide = [host for host in hosts if is_wildcard(host)]
        if any((False, host) in asked for host in hosts):
            return False
        if wide and any(not below and subset_of(name, host) for below, name in asked for host in wide):
            return False
        return not any(below and subset_of(host, name) for below, name in asked for host in hosts)

    def _note(self, host: str, *, below: bool = False) -> None:
        if self._asked is not None:
            self._asked.add((below, host))

    def resolved(self, host: str, namespace: str) -> str:
        """What a host means in an object of the namespace: a name without a dot is a Service there."""
        return resolve_short_name(host, namespace)

    def holding(self, host: str, namespace: str) -> tuple[RegistryService, ...]:
        """The services that hold a host (or all names of a wildcard) and are visible in the namespace:
        those of that very name, then wildcards, the narrowest first. `host` may be a short name."""
        name = resolve_short_name(host, namespace)
        self._note(name)
        found = self._index(namespace).holding(name)
        return tuple(item for item in found if visible_to(item.exported, item.namespace, namespace))

    def hidden(self, host: str, namespace: str) -> tuple[RegistryService, ...]:
        """The services that hold a host and are not exported to the namespace."""
        name = resolve_short_name(host, namespace)
        self._note(name)
        found = self._index(namespace).holding(name)
        return tuple(item for item in found if not visible_to(item.exported, item.namespace, namespace))

    def below(self, wildcard: str, namespace: str) -> tuple[RegistryService, ...]:
        """The services visible in the namespace whose host is one of the names of a wildcard, as a
        DestinationRule's `*.local` or a Sidecar's import takes them."""
        self._note(wildcard, below=True)
        found = self._index(namespace).below(wildcard)
        return tuple(item for item in found if visible_to(item.exported, item.namespace, namespace))

    def taken(self, host: str, namespace: str) -> tuple[RegistryService, ...]:
        """The services that an import of `host` means by name, visible or not: that very one, and for a
        wildcard those below it too."""
        self._note(host, below=is_wildcard(host))
        if is_wildcard(host):
            return tuple(self._index(namespace).below(host))
        return self._registry(namespace).by_host.get(host, ())

    def named(self, host: str, namespace: str) -> tuple[RegistryService, ...]:
        """The services of exactly that name, visible or not."""
        self._note(host)
        return self._registry(namespace).by_host.get(host, ())

    def known(self, host: str, namespace: str) -> bool:
        """Whether something visible in the namespace goes by the host: it holds it, or, for a
        wildcard, it is held by it. `*` and addresses are always taken for known."""
        if host == EVERYTHING or is_address(host):
            return True
        if self.holding(host, namespace):
            return True
        return is_wildcard(host) and bool(self.below(host, namespace))

    def gap(self, host: str, namespace: str) -> Gap | None:
        """What could not be read and may hold the host: as long as there is one, an unknown host is
        not a mistake. In a directory of manifests that is everything but the Services of a namespace
        of which it holds some."""
        name = resolve_short_name(host, namespace)
        kinds = ("Service", "ServiceEntry") if ".svc" in name or is_wildcard(name) else ("ServiceEntry",)
        found = next((gap for kind in kinds if (gap := self._snapshot.missing(kind))), None)
        if found is not None or whole(self._snapshot):
            return found
        names = service_names(name)
        if names is not None and ".svc" in name and knows(self._snapshot, Service, names[1]):
            return None
        return Gap(kinds[0], "", PARTIAL)

    def registry(self, namespace: str) -> Registry:
        """The registry of the control plane that reads the namespace."""
        self._note(EVERYTHING, below=True)
        return self._registry(namespace)

    def _registry(self, namespace: str) -> Registry:
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = self._registries.of(self._planes.of(namespace))
        return self._by_namespace[namespace]

    def _index(self, namespace: str) -> _Index:
        registry = self._registry(namespace)
        if id(registry) not in self._indexes:  # the registries are kept, so an id stays one's own
            self._indexes[id(registry)] = _Index(registry)
        return self._indexes[id(registry)]


class _Index:
    """One registry by name, by wildcard and by the ends of names."""

    __slots__ = ("_by_end", "_exact", "_odd", "_services", "_wild")

    def __init__(self, registry: Registry) -> None:
        self._services, self._exact = registry.services, registry.by_host
        self._wild: dict[str, tuple[RegistryService, ...]] = {}
        self._odd: list[str] = []
        self._by_end: dict[str, list[RegistryService]] | None = None
        for host, services in registry.by_host.items():
            if is_wildcard(host):
                self._wild[host] = services
                if host != EVERYTHING and not host.startswith("*."):
                    self._odd.append(host)

    def holding(self, host: str) -> Iterator[RegistryService]:
        yield from self._exact.get(host, ())
        for wildcard in self._above(host):
            yield from self._wild.get(wildcard, ())

    def _above(self, host: str) -> Iterator[str]:
        """The wildcards that hold a host, the narrowest first, without the host itself."""
        yield from sorted((item for item in self._odd if item != host and subset_of(host, item)), key=_narrow)
        rest = host[2:] if host.startswith("*.") else host
        while "." in rest:
            rest = rest.partition(".")[2]
            yield f"*.{rest}"
        if host != EVERYTHING:
            yield EVERYTHING

    def below(self, wildcard: str) -> Iterator[RegistryService]:
        if wildcard == EVERYTHING:
            yield from self._services
            return
        end = wildcard[1:].lstrip(".") if wildcard.startswith("*.") else wildcard[1:].partition(".")[2]
        for item in self._ends().get(end, ()):
            if subset_of(item.host, wildcard):
                yield item

    def _ends(self) -> dict[str, list[RegistryService]]:
        """Services by every end of their names; made when somebody asks for a wildcard."""
        if self._by_end is None:
            self._by_end = {}
            for service in self._services:
                rest = service.host.lstrip("*").lstrip(".")
                while rest:
                    self._by_end.setdefault(rest, []).append(service)
                    rest = rest.partition(".")[2]
        return self._by_end


def _narrow(host: str) -> tuple[int, str]:
    return (-len(host), host)
