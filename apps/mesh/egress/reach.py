"""Which egress answers a change of configuration may reach, told by destination and scope.

What is not reached is answered as before, for a reason that stands beside each test; what may be reached is
judged again. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol as Shape
from typing import TypeVar

from apps.mesh.derived import Change
from apps.mesh.egress.candidates import Candidate, entry_candidates
from apps.mesh.egress.hostimports import host_imports
from apps.mesh.egress.probing import probed_host
from apps.mesh.egress.registry import Registry, hosts_of
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import CLUSTER_DOMAIN, matches, service_names, subset_of
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Service, ServiceEntry, Sidecar, VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Destination, EgressAnswer
from apps.mesh.visibility import PUBLIC, audience

FOLLOWED = frozenset(
    {
        "ConfigMap",
        "DestinationRule",
        "Gateway",
        "MutatingWebhookConfiguration",
        "Namespace",
        "NetworkPolicy",
        "Service",
        "ServiceEntry",
        "Sidecar",
        "VirtualService",
        "Workload",
    }
)
"""The kinds of which it can be told which answers a change may reach; of any other it may be all of them.
ConfigMaps and webhooks are only looked at for the control planes and for injection."""
_O = TypeVar("_O", bound=MeshObject)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose connection was judged."""

    namespace: str
    sidecar: Sidecar | None


Test = Callable[[Asked], bool]
"""Whether a change may reach what was judged of some destination."""


class Touch(Shape):
    """What the changed objects of one kind may reach. `goals` are hosts that count where connections are sent
    to a cluster of them."""

    @property
    def goals(self) -> frozenset[str]: ...

    def of(self, destination: Destination, found: Sequence[Candidate]) -> Test | None:
        """A test of the judgements on a destination; None where none is reached. `found` are the entries
        near the destination before the change."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`moved` are namespaces whose workloads may stand elsewhere: all their answers are given again.
    `same_views` says that the listeners are shared with those before. What goes on to a Service of the
    namespaces in `onward` is followed again from there, with `gateways` what goes to any."""

    moved: frozenset[str] = frozenset()
    touches: tuple[Touch, ...] = ()
    same_views: bool = True
    onward: frozenset[str] = frozenset()
    gateways: bool = False

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of which all is reached that is sent to their clusters."""
        return frozenset(host for touch in self.touches for host in touch.goals)

    def tests(self, destination: Destination, found: Sequence[Candidate]) -> list[Test]:
        """The tests of what was judged of a destination; none where nothing of it is reached."""
        tests = (touch.of(destination, found) for touch in self.touches)
        return [test for test in tests if test is not None]

    def near(self, destination: Destination, found: Sequence[Candidate]) -> bool:
        """Whether the near misses of a destination may be others now."""
        return any(isinstance(item, EntriesTouch) and item.near(destination, found) for item in self.touches)

    def goes_on(self, namespace: str, destination: Destination, answer: EgressAnswer) -> bool:
        """Whether what becomes of a connection past its own proxy may be another: by its Service, the pods
        behind it or the gateway that they are."""
        if answer.cluster:
            inside = answer.cluster.endswith(CLUSTER_DOMAIN)
            names = service_names(answer.cluster.rpartition("|")[2]) if inside else None
        else:
            names = service_names(destination.host, namespace) if answer.verdict.reachable else None
        return names is not None and (self.gateways or names[1] in self.onward)

    def __or__(self, other: Reach) -> Reach:
        same = self.same_views and other.same_views
        onward, gateways = self.onward | other.onward, self.gateways or other.gateways
        return Reach(self.moved | other.moved, (*self.touches, *other.touches), same, onward, gateways)


def owners_of(change: Change) -> set[ResourceRef]:
    """The changed objects that services of the registry are made of."""
    return {item.ref for item in (*every(change, ServiceEntry), *every(change, Service))}


def every(change: Change, kind: type[_O]) -> list[_O]:
    """The changed objects of a kind, before and after."""
    return [item for pair in change.objects for item in pair if isinstance(item, kind)]


def always(_asked: Asked) -> bool:
    """The test for what may reach every judgement on a destination."""
    return True


def may_mean(destination: Destination, hosts: Iterable[str]) -> bool:
    """Whether what is dialled may be one of the hosts, lie below one, or be a short name of one or of a pod
    behind it."""
    host = probed_host(destination)
    labels, parent = host.split(".")[:2], host.partition(".")[2]
    return any(
        subset_of(host, other)
        or other == parent
        or (other.endswith(CLUSTER_DOMAIN) and other.partition(".")[0] in labels)
        for other in hosts
    )


@dataclass(frozen=True, slots=True)
class EntriesTouch:
    """ServiceEntries and Services. `services` are all that hold one of their hosts, before and after: of
    these another one may be taken, also where the changed ones are not seen. `ports` are those on which more
    can differ than what becomes of their own hosts; `refs` the owners of `services`, and what changed."""

    hosts: frozenset[str]
    refs: frozenset[ResourceRef]
    entries: tuple[ServiceEntry, ...]
    services: tuple[RegistryService, ...]
    ports: frozenset[int]
    viewers: frozenset[str]
    goals: frozenset[str]

    @classmethod
    def of_change(
        cls,
        change: Change,
        registries: Sequence[Registry],
        routes: Sequence[VirtualService],
        sidecars: Iterable[Sidecar],
    ) -> EntriesTouch:
        """`registries` are those before and after, `routes` those of both."""
        hosts, changed = frozenset(hosts_of(change)), owners_of(change)
        sharing = [item for host in hosts for known in registries for item in known.by_host.get(host, ())]
        routed = any(matches(name, host) for route in routes for name in route.hosts for host in hosts)
        listening = _listening(sidecars)
        ordered = registries[0].ordered_ports | registries[1].ordered_ports
        ports = {
            port.number
            for item in sharing
            for port in item.ports
            if routed
            or None in listening
            or port.number in listening
            or port.number in ordered
            or not _by_name_alone(item)
            or not port.tls
        }
        return cls(
            hosts,
            frozenset({*changed, *(item.ref for item in sharing)}),
            tuple(after for _, after in change.objects if isinstance(after, ServiceEntry)),
            tuple(sharing),
            frozenset(ports | {number for number, proxies in listening.items() if number and proxies}),
            frozenset(name for item in sharing for name in audience(item.exported, item.namespace)),
            hosts,
        )

    def of(self, destination: Destination, found: Sequence[Candidate]) -> Test | None:
        if may_mean(destination, self.hosts) or self.near(destination, found):
            return always
        return self._sees if destination.port in self.ports else None

    def near(self, destination: Destination, found: Sequence[Candidate]) -> bool:
        """Whether one of the objects is, was, or shares a host with a near miss of the destination."""
        if any(candidate.ref in self.refs for candidate in found) or may_mean(destination, self.hosts):
            return True
        return any(True for _ in entry_candidates(self.entries, probed_host(destination), destination))

    def _sees(self, asked: Asked) -> bool:
        """Whether a scope imports one of the services."""
        if PUBLIC not in self.viewers and asked.namespace not in self.viewers:
            return False
        listeners = asked.sidecar.egress if asked.sidecar is not None else ()
        if not listeners:
            return True
        for listener in listeners:
            named = host_imports(listener, asked.namespace)
            for item in self.services:
                both = (named.get(item.namespace), named.get("*"))
                if any(imports is not None and imports.takes(item.host) for imports in both):
                    return True
        return False


def _by_name_alone(service: RegistryService) -> bool:
    """Whether a port for TLS of it makes nothing but a chain for its own server name on the listener of all
    addresses: no other name of the port then ends up elsewhere, with it or without it."""
    return not (
        service.kubernetes
        or service.has_address
        or service.extra_addresses
        or service.endpoints
        or service.selects
        or service.alias_of
    )


def _listening(sidecars: Iterable[Sidecar]) -> dict[int | None, bool]:
    """The ports that egress listeners name, and whether one proxies HTTP there; None for a listener on an
    address of its own."""
    found: dict[int | None, bool] = {}
    for sidecar in sidecars:
        for listener in sidecar.egress:
            if listener.bind or listener.capture_mode == "NONE":
                found[None] = True
            if listener.port is not None:
                number = listener.port.number
                found[number] = found.get(number, False) or listener.port.protocol == "HTTP_PROXY"
    return found
