"""Which servers of Gateways listen on a port of an egress gateway, merged as istiod merges them.

Follows pilot/pkg/model/push_context.go (mergeGateways, filterStrictGatewayMerging) and gateway.go
(mergeGateways, resolvePorts, CheckDuplicates). Knows nothing of connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from apps.mesh.egress.builtgateways import BuiltListener
from apps.mesh.egress.services import ServicePort, listener_protocol
from apps.mesh.egress.views import MeshView
from apps.mesh.objects.networking import GatewayServer, Service
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.references import bound_host
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

ANY_BIND = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 Istio's words, nothing is bound here
PASSTHROUGH = "PASSTHROUGH"
AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"


class Layer(Enum):
    """What a server reads: requests in plaintext, a TLS handshake, or bytes."""

    HTTP = auto()
    TLS = auto()
    BYTES = auto()


@dataclass(frozen=True, slots=True)
class EgressGateway:
    """The proxies behind a Service, and the port that a connection comes to: the Service's `number`, and the
    pods' own (None where that is not known)."""

    snapshot: Snapshot
    mesh: MeshView
    service: Service
    number: int
    pod_port: int | None
    pod: PodTemplate

    @property
    def namespace(self) -> str:
        return self.service.namespace


@dataclass(frozen=True, slots=True)
class Door:
    """A server of a Gateway: `ref` is the object, `bound` the Gateway by which a VirtualService binds."""

    ref: ResourceRef
    bound: ResourceRef
    server: GatewayServer
    number: int
    built: BuiltListener | None = None

    @property
    def field(self) -> str:
        return "spec.listeners" if self.built else "spec.servers"

    @property
    def layer(self) -> Layer:
        if self._port.http:
            return Layer.HTTP
        return Layer.TLS if self.server.tls_mode else Layer.BYTES

    @property
    def https(self) -> bool:
        """Whether it takes TLS off and reads requests."""
        return self.layer is Layer.TLS and self._port.protocol == "HTTPS" and not self.passes

    @property
    def passes(self) -> bool:
        """Whether it leaves TLS as it is."""
        return self.server.tls_mode in {PASSTHROUGH, AUTO_PASSTHROUGH}

    @property
    def _port(self) -> ServicePort:
        port = self.server.port
        return ServicePort(self.number, listener_protocol(port.protocol if port is not None else ""))

    @property
    def words(self) -> str:
        """`Gateway shop/out on port 443 (HTTPS, ISTIO_MUTUAL)`, of whichever of the two kinds."""
        mode = f", {self.server.tls_mode}" if self.layer is Layer.TLS else ""
        return f"Gateway {self.ref.path} on port {self.number} ({self._port.protocol}{mode})"

    def hosts(self, namespace: str) -> list[str]:
        """The hosts that it takes of VirtualServices of a namespace."""
        named = [bound_host(host, self.ref.namespace) for host in self.server.hosts]
        return [host for owner, host in named if owner in {"*", namespace}]

    @property
    def names(self) -> tuple[str, ...]:
        """The server names that it asks for."""
        return tuple(dict.fromkeys(bound_host(host, "")[1] for host in self.server.hosts))


@dataclass(frozen=True, slots=True)
class Doors:
    """`open` are the servers on a port; `selected` all of Gateways that select the pods. `doubt` says why it
    is not certain which of them are in force."""

    open: tuple[Door, ...]
    selected: tuple[Door, ...]
    doubt: str = ""


def doors_of(gateway: EgressGateway) -> Doors:
    """The servers that listen on the gateway's port, the oldest Gateway first."""
    built = list(_of_gateway_api(gateway))
    homes = {door.ref.namespace for door in built if door.built is not None and door.built.managed}
    selected = (*_of_istio(gateway), *built)
    here = [door for door in selected if _listens(gateway, door)]
    foreign = next((door for door in here if homes and door.ref.namespace not in homes), None)
    if foreign is not None:
        text = f"istiod since 1.31 keeps {foreign.ref} of another namespace away from a gateway it deploys"
        return Doors(tuple(here), selected, text)
    bound = next((door for door in here if door.server.bind not in ANY_BIND), None)
    if bound is not None:
        text = f"{bound.ref} binds to {bound.server.bind}, and the addresses of the gateway are not known"
        return Doors(tuple(here), selected, text)
    merged = tuple(_merged(here))
    if len({door.layer for door in merged}) > 1:
        names = ", ".join(dict.fromkeys(str(door.ref) for door in merged))
        text = f"servers of unlike protocols share port {gateway.number} ({names})"
        return Doors(merged, selected, text)
    return Doors(merged, selected)


def _of_istio(gateway: EgressGateway) -> Iterator[Door]:
    for item in sorted(gateway.mesh.gateways, key=lambda one: one.age_key):
        if is_subset(item.selector, gateway.pod.labels):
            for server in item.servers:
                if server.port is not None:
                    yield Door(item.ref, item.ref, server, server.port.number)


def _of_gateway_api(gateway: EgressGateway) -> Iterator[Door]:
    for item in gateway.mesh.built:
        port = item.server.port
        here = item.ref.namespace == gateway.namespace and port is not None
        if here and any(is_subset(wanted, gateway.pod.labels) for wanted in item.selectors):
            yield Door(item.ref, item.name, item.server, port.number if port is not None else 0, item)


def _listens(gateway: EgressGateway, door: Door) -> bool:
    """Whether a server's port is the Service's, or the pods' own where the Service has no such port."""
    if door.number == gateway.number:
        return True
    if door.built is not None or door.number != gateway.pod_port:
        return False
    mapped = next((port for port in gateway.service.ports if port.number == door.number), None)
    return mapped is None or mapped.target_port in {"", str(door.number)}


def _merged(doors: Iterable[Door]) -> Iterator[Door]:
    """Those of the servers of a port that istiod keeps: the first one's protocol decides, and a host that is
    taken takes out the whole server."""
    taken: set[tuple[str, str]] = set()
    first: Layer | None = None
    for door in doors:
        hosts = {bound_host(host, door.ref.namespace) for host in door.server.hosts}
        if door.server.tls_mode:
            if hosts & taken:
                continue
            taken |= hosts
        if first is None:
            first = door.layer
        elif first is Layer.BYTES or (first is Layer.HTTP and door.layer is not Layer.HTTP):
            continue
        yield door
