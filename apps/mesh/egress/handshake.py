"""Whether the TLS that reaches a server of a gateway can be taken off there.

Follows pilot/pkg/networking/core/listener.go (BuildListenerTLSContext) and cluster_tls.go. What certificates
say is in Secrets and files that nobody reads: where it decides, that is a doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.mesh.egress.addedtls import NOTHING, AddedTls
from apps.mesh.egress.gatewayservers import Door
from apps.mesh.objects.traffic import ISTIO_MUTUAL, MUTUAL, SIMPLE
from apps.mesh.verdicts import Protocol

ASKING = frozenset({MUTUAL, ISTIO_MUTUAL})
"""The modes in which a server asks for a certificate and refuses who has none."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What comes to a gateway's port: `protocol` is what the application sends, `host` the Host of its
    requests or the server name of its TLS. `added` is the TLS that the workload's proxy adds; `requests` is
    whether that proxy reads requests, and so answers 503 itself where the gateway refuses one."""

    host: str
    protocol: Protocol
    added: AddedTls
    requests: bool

    @property
    def tls(self) -> bool:
        return bool(self.added.mode) or self.protocol is Protocol.TLS

    @property
    def sni(self) -> str:
        """The server name that can be seen; "" for none."""
        if self.added.mode:
            return self.added.sni
        return self.host if self.protocol is Protocol.TLS else ""

    @property
    def opened(self) -> Arrival:
        """The same without the TLS of the workload's proxy."""
        return replace(self, added=NOTHING)

    @property
    def words(self) -> str:
        """Who sends what to the gateway."""
        if self.added.mode:
            return f"the proxy sends TLS ({self.added.words})"
        if self.protocol is Protocol.TLS:
            return f"the application sends TLS of its own, server name {self.host}"
        return "plaintext requests come" if self.protocol is Protocol.HTTP else "bytes without TLS come"

    @property
    def seen(self) -> str:
        """What the application sees where the gateway breaks the connection off."""
        return "The application sees 503." if self.requests else "The application sees a reset."


@dataclass(frozen=True, slots=True)
class Handshake:
    """`refused` says why it fails, `doubt` why that is not known; both "" where it succeeds."""

    refused: str = ""
    doubt: str = ""


def handshake(door: Door, arrival: Arrival) -> Handshake:
    """What becomes of TLS at a server that takes it off."""
    mode, added = door.server.tls_mode, arrival.added
    if not added.mode:
        return _of_application(mode, door, arrival)
    if added.mode == SIMPLE and mode in ASKING:
        text = f"{door.words} asks for a client certificate, and {arrival.words} without one."
        return Handshake(refused=text)
    if added.mode == ISTIO_MUTUAL and mode == ISTIO_MUTUAL:
        names = added.settings.subject_alt_names
        if not names or added.settings.skips_verification:
            return Handshake()
        text = f"Whether the gateway is one of {', '.join(names)}, as {added.ref} asks, is not known."
        return Handshake(doubt=text)
    if added.mode == SIMPLE and added.settings.skips_verification:
        return Handshake()
    text = f"Whether the certificates of {door.words} and of {added.ref} ({added.mode}) fit is not known."
    return Handshake(doubt=text)


def _of_application(mode: str, door: Door, arrival: Arrival) -> Handshake:
    if mode == ISTIO_MUTUAL:
        text = f"{door.words} asks for a certificate of the mesh, and {arrival.words}."
        return Handshake(refused=text)
    if mode == MUTUAL:
        text = (
            f"Whether the application shows the client certificate that {door.words} asks for is not known."
        )
        return Handshake(doubt=text)
    return Handshake(doubt=f"Whether the application trusts the certificate of {door.words} is not known.")
