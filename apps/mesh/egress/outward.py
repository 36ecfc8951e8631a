"""What leaves a proxy for a host: requests, TLS or bytes, inside the TLS that a DestinationRule adds.

Follows pilot/pkg/networking/core/cluster_tls.go. Knows nothing of routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from apps.mesh.destinationrules import MergedRule
from apps.mesh.egress.addedtls import RULE, AddedTls, Sender, added_tls
from apps.mesh.egress.services import RegistryService
from apps.mesh.objects.traffic import ISTIO_MUTUAL, MUTUAL
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Protocol, Step

GATEWAY_RULE = "pilot/pkg/networking/core/gateway.go"
DOUBLE = "istio.io/docs/ops/common-problems/network-issues#double-tls"


class Payload(StrEnum):
    """What is inside of whatever TLS is added."""

    REQUESTS = "requests"
    TLS = "TLS"
    BYTES = "bytes"


PAYLOADS = {Protocol.HTTP: Payload.REQUESTS, Protocol.TLS: Payload.TLS, Protocol.TCP: Payload.BYTES}


@dataclass(frozen=True, slots=True)
class Forwarding:
    """`steps` say what a proxy does; `stops` whether the connection ends with the last of them; `doubts`
    what could not be followed."""

    steps: tuple[Step, ...] = ()
    stops: bool = False
    doubts: tuple[str, ...] = ()


def stop(title: str, text: str, ref: ResourceRef | None, path: str, rule: str = GATEWAY_RULE) -> Forwarding:
    """A connection that ends here."""
    return Forwarding((Step(title, text, ref, path, rule),), stops=True)


@dataclass(frozen=True, slots=True)
class Sending:
    """Something that goes to a cluster (host, port, subset) of a service under a rule. `name` is the Host of
    requests, `closed` the TLS of another proxy that is around it, `seen` what the application sees where the
    other side breaks it off."""

    sender: Sender
    service: RegistryService
    cluster: tuple[str, int, str]
    rule: MergedRule | None
    payload: Payload
    name: str
    closed: AddedTls
    seen: str


def outward(sending: Sending) -> Forwarding:
    """The TLS around what is sent, and whether the other side can be expected to understand it."""
    host, port, _ = sending.cluster
    closed, payload = sending.closed, sending.payload
    name = sending.name if payload is Payload.REQUESTS else ""
    added = added_tls(sending.rule, sending.sender, sending.service, sending.cluster, name)
    if [bool(added.mode), bool(closed.mode), payload is Payload.TLS].count(True) > 1:
        return _nested(sending, added)
    if added.mode:
        text = f"What goes to {host}:{port} is sent inside TLS ({added.words})."
        who = "The egress gateway" if sending.sender.gateway else "The proxy"
        step = Step(f"{who} adds TLS", text, added.ref, added.path, RULE)
        return Forwarding((step,), doubts=tuple(_certificates(sending, added)))
    ignored = added.step(f"{host}:{port}")
    return Forwarding((ignored,) if ignored is not None else (), doubts=tuple(_bare(sending)))


def _nested(sending: Sending, added: AddedTls) -> Forwarding:
    """TLS around TLS. A host outside of the mesh understands one of them; proxies of the mesh may take off
    theirs, and so may whoever takes its certificates."""
    host, outer = sending.cluster[0], added if added.mode else sending.closed
    inner = f"the TLS that {sending.closed.ref} adds" if added.mode and sending.closed.mode else ""
    around = f"TLS ({outer.words}) goes around {inner or 'the TLS of the application'}"
    if sending.service.external and outer.mode != ISTIO_MUTUAL:
        text = f"{around}: {host} finds TLS inside of TLS. {sending.seen}"
        return stop("TLS goes inside of TLS", text, outer.ref, outer.path, DOUBLE)
    step = Step("TLS goes inside of TLS", f"{around}.", outer.ref, outer.path, DOUBLE)
    doubt = f"Whether {host} takes off the TLS that {outer.ref} adds around TLS is not known."
    return Forwarding((step,), doubts=(doubt,))


def _certificates(sending: Sending, added: AddedTls) -> list[str]:
    """What of the added TLS rests on Secrets and files, which are not read."""
    settings, service = added.settings, sending.service
    if added.mode == ISTIO_MUTUAL:
        if not service.external:
            return []
        return [f"Whether {service.host} takes certificates of the mesh ({added.ref}) is not known."]
    if settings.credential_name:
        secret = f"{sending.sender.namespace}/{settings.credential_name}"
        return [f"Whether Secret {secret} holds what {added.ref} asks for is not known."]
    if added.mode == MUTUAL or settings.ca_certificates:
        return [f"Whether the pods hold the certificates that {added.ref} names is not known."]
    return []


def _bare(sending: Sending) -> list[str]:
    """What is sent without TLS of the proxy's own, and may not be understood."""
    host, number, _ = sending.cluster
    port, closed = sending.service.port(number), sending.closed
    if not sending.service.external or port is None:
        return []
    if closed.mode == ISTIO_MUTUAL:
        return [f"Whether {host} takes certificates of the mesh ({closed.ref}) is not known."]
    if port.tls and sending.payload is Payload.REQUESTS and not closed.mode:
        return [
            f"Plaintext requests go to {host}:{number}, which {sending.service.ref} declares as "
            f"{port.protocol}, and no DestinationRule adds TLS: what the host makes of them is not known."
        ]
    return []
