"""What an egress gateway does with a connection that a VirtualService sent to it.

Gateway proxies ignore Sidecars and the outbound traffic policy: a server of a Gateway has to take the
connection, a VirtualService bound to that Gateway has to send it on, and the registry has to know where to.
Follows pilot/pkg/networking/core/gateway.go. Of the proxy before it, it knows what that one sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apps.mesh.egress.gatewayroutes import Taken, TlsChain, chain_for, http_route, tcp_route, tls_chains
from apps.mesh.egress.gatewayservers import (
    AUTO_PASSTHROUGH,
    Door,
    Doors,
    EgressGateway,
    Layer,
    doors_of,
)
from apps.mesh.egress.handshake import Arrival, handshake
from apps.mesh.egress.originating import sent_on
from apps.mesh.egress.outward import GATEWAY_RULE, PAYLOADS, Forwarding, Payload, stop
from apps.mesh.hosts import subset_of
from apps.mesh.verdicts import Protocol, Step


@dataclass(frozen=True, slots=True)
class _Came:
    gateway: EgressGateway
    doors: Doors
    arrival: Arrival

    @property
    def payload(self) -> Payload:
        """What is inside of the TLS that the workload's proxy added, or came without any."""
        return PAYLOADS[self.arrival.protocol]


def forwarding(gateway: EgressGateway, arrival: Arrival) -> Forwarding:
    """What the gateway does with what arrives at its port."""
    came = _Came(gateway, doors_of(gateway), arrival)
    found = _unless_more(_at_doors(came), came.doors)
    step = arrival.added.step(f"{gateway.service.ref.path}:{gateway.number}")
    return replace(found, steps=(step, *found.steps)) if step is not None else found


def _at_doors(came: _Came) -> Forwarding:
    doors, gateway = came.doors, came.gateway
    if not doors.open:
        pods = f"the pods of {gateway.service.ref.path}"
        text = f"No Gateway that selects {pods} has a server on port {gateway.number}."
        return stop(
            "The egress gateway does not listen",
            f"{text} {came.arrival.seen}",
            gateway.service.ref,
            "spec.ports",
        )
    if doors.doubt:
        return Forwarding(doubts=(f"What the egress gateway does with it is not certain: {doors.doubt}.",))
    match doors.open[0].layer:
        case Layer.HTTP:
            return _at_http(came)
        case Layer.TLS:
            return _at_tls(came)
    return _at_bytes(came, doors.open[0])


def _at_http(came: _Came) -> Forwarding:
    door, arrival = came.doors.open[0], came.arrival
    if arrival.tls:
        text = f"{door.words} reads plaintext requests, and {arrival.words}. {arrival.seen}"
        return stop("The egress gateway expects plaintext", text, door.ref, door.field)
    if arrival.protocol is not Protocol.HTTP:
        text = f"{door.words} reads requests, and {arrival.words}. {arrival.seen}"
        return stop("The egress gateway cannot read it", text, door.ref, door.field)
    return _requests(came, came.doors.open)


def _at_tls(came: _Came) -> Forwarding:
    arrival, doors = came.arrival, came.doors.open
    chain = chain_for(tls_chains(came.gateway, doors), arrival.sni)
    if not arrival.tls and (chain is None or not chain.door.passes):
        door = doors[0]
        text = f"{door.words} takes TLS, and {arrival.words}: no DestinationRule adds it. {arrival.seen}"
        return stop("The egress gateway expects TLS", text, door.ref, door.field)
    if chain is None:
        return _no_chain(came)
    if chain.door.passes:
        return _opaque(came, chain.door, chain.taken, closed=True)
    return _opened(came, chain)


def _no_chain(came: _Came) -> Forwarding:
    """Why no server for TLS takes a server name."""
    arrival, doors = came.arrival, came.doors.open
    named = f"the server name {arrival.sni}" if arrival.sni else "TLS without a server name"
    auto = next((door for door in doors if door.server.tls_mode == AUTO_PASSTHROUGH), None)
    if auto is not None and arrival.sni.startswith("outbound_."):
        text = f"{auto.words} sends what bears the name of a cluster to it, which is not followed"
        return Forwarding(doubts=(f"{text}: server name {arrival.sni}.",))
    lists = [
        door
        for door in doors
        if door is not auto and any(subset_of(arrival.sni, name) for name in door.names)
    ]
    if lists:
        return _no_route(came, lists, named)
    text = f"No server on port {came.gateway.number} takes {named}. {arrival.seen}"
    return stop("The egress gateway does not take it", text, doors[0].ref, doors[0].field)


def _opened(came: _Came, chain: TlsChain) -> Forwarding:
    """What comes out of TLS that a server takes off."""
    door, arrival = chain.door, came.arrival
    shaken = handshake(door, arrival)
    if shaken.refused:
        text = f"{shaken.refused} {arrival.seen}"
        return stop("The egress gateway refuses the handshake", text, door.ref, door.field)
    doubts = (shaken.doubt,) if shaken.doubt else ()
    # Inside TLS of the application are its requests; inside what its proxy added, what it sent.
    payload = came.payload if arrival.added.mode else Payload.REQUESTS if door.https else Payload.BYTES
    if not door.https:
        return _opaque(came, door, chain.taken, payload=payload, doubts=doubts)
    if payload is not Payload.REQUESTS:
        text = (
            f"{door.words} reads requests inside of TLS, and the application sends {payload}. {arrival.seen}"
        )
        return stop("The egress gateway cannot read it", text, door.ref, door.field)
    return _requests(came, (door,), doubts)


def _at_bytes(came: _Came, door: Door) -> Forwarding:
    return _opaque(came, door, tcp_route(came.gateway, door), closed=True)


def _requests(came: _Came, doors: Sequence[Door], doubts: tuple[str, ...] = ()) -> Forwarding:
    """Requests, sent on one by one."""
    arrival = came.arrival
    taken = http_route(came.gateway, doors, arrival.host)
    if taken is None:
        lists = [door for door in doors if any(subset_of(arrival.host, name) for name in door.names)]
        if lists:
            return _no_route(came, lists, f"requests for {arrival.host}")
        text = f"No server on port {came.gateway.number} lists {arrival.host}. The application sees 404."
        return stop("The egress gateway does not take it", text, doors[0].ref, doors[0].field)
    step = _takes(taken.door, f"requests for {arrival.host}")
    return _then(step, sent_on(came.gateway, taken, Payload.REQUESTS, arrival.opened), doubts)


def _opaque(
    came: _Came,
    door: Door,
    taken: Taken | None,
    *,
    closed: bool = False,
    payload: Payload = Payload.BYTES,
    doubts: tuple[str, ...] = (),
) -> Forwarding:
    """A connection, sent on as a whole; `closed` with the TLS around it."""
    if taken is None:
        return _no_route(came, [door], "connections")
    arrival = came.arrival if closed else came.arrival.opened
    payload = came.payload if closed else payload
    name = f"server name {came.arrival.sni}" if came.arrival.sni else "connections"
    return _then(_takes(door, name), sent_on(came.gateway, taken, payload, arrival), doubts)


def _no_route(came: _Came, doors: Sequence[Door], what: str) -> Forwarding:
    names = ", ".join(dict.fromkeys(door.ref.path for door in doors))
    kind = "route" if doors[0].built else "VirtualService"
    http = doors[0].layer is Layer.HTTP or doors[0].https
    seen = "The application sees 404." if http else came.arrival.seen
    text = f"No {kind} is bound to Gateway {names} that holds there for {what}. {seen}"
    return stop("The egress gateway has no route", text, doors[0].ref, doors[0].field)


def _takes(door: Door, what: str) -> Step:
    text = f"{door.words} takes {what}."
    return Step("The egress gateway takes it", text, door.ref, door.field, GATEWAY_RULE)


def _then(step: Step, found: Forwarding, doubts: tuple[str, ...]) -> Forwarding:
    return replace(found, steps=(step, *found.steps), doubts=(*doubts, *found.doubts))


def _unless_more(found: Forwarding, doors: Doors) -> Forwarding:
    """What is found, unless it is a refusal or a way that listeners and routes of which nothing certain is
    known may change."""
    built = [door.built for door in doors.open or doors.selected if door.built is not None]
    doubt = next((f"{item.ref}: {item.doubt}" for item in built if item.doubt), "")
    if doubt:
        return Forwarding(doubts=(f"What the egress gateway does with it is not certain: {doubt}.",))
    if found.stops and any(item.admits_more for item in built):
        name = built[0].ref.path
        return Forwarding(
            doubts=(f"Gateway {name} takes listeners of ListenerSets, which are not followed.",)
        )
    return found
