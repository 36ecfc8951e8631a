"""The items of a Sidecar's `egress[].hosts`, each with its place and its parts. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.mesh.egress.hostimports import EXCLUDE
from apps.mesh.egress.visible import ANY_NAMESPACE
from apps.mesh.objects.networking import EgressListener, Sidecar


@dataclass(frozen=True, slots=True)
class EgressHost:
    """One item. `owner` is the namespace as written, without `~`; `host` is in lower case. Istio reads
    only what has one slash; `readable` says so."""

    text: str
    path: str
    listener: EgressListener
    owner: str
    host: str
    excluded: bool
    readable: bool

    @property
    def bare(self) -> bool:
        """`~/host`: an exclusion that names no namespace."""
        return self.excluded and not self.owner

    @property
    def port(self) -> int:
        """The one that services must have to be imported; 0 for any (pilot/pkg/model/sidecar.go,
        needsPortMatch)."""
        port = self.listener.port
        return port.number if port is not None and port.protocol != "HTTP_PROXY" else 0

    def owner_in(self, namespace: str) -> str:
        """The namespace that is meant in a Sidecar of `namespace`; `*` for all."""
        if self.owner == ".":
            return namespace
        return ANY_NAMESPACE if self.bare else self.owner


def egress_hosts(sidecar: Sidecar) -> Iterator[EgressHost]:
    """Every item of every listener, in order."""
    for index in range(len(sidecar.egress)):
        yield from listener_hosts(sidecar, index)


def listener_hosts(sidecar: Sidecar, index: int) -> Iterator[EgressHost]:
    """The items of one listener."""
    listener = sidecar.egress[index]
    for place, text in enumerate(listener.hosts):
        owner, _, host = text.partition("/")
        yield EgressHost(
            text=text,
            path=f"spec.egress[{index}].hosts[{place}]",
            listener=listener,
            owner=owner.removeprefix(EXCLUDE),
            host=host.lower(),
            excluded=owner.startswith(EXCLUDE),
            readable=text.count("/") == 1,
        )
