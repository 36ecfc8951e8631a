"""What is measured: the same requests, once only downloaded, once collected, modelled and analysed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from apps.clusters.connection import Connection, Secret
from apps.clusters.kube.gateway import KubeGateway
from apps.clusters.kube.transport import Transport
from apps.common import collector
from apps.inventory.collect import collect
from apps.mesh.analyse import analyse
from apps.mesh.hostsets import speedscale
from apps.mesh.snapshot import Snapshot

Asked = list[tuple[str, str, dict[str, Any]]]


class Noting(Transport):
    """The product's transport; notes what it is asked."""

    asked: Asked | None = None

    def send(self, method: str, path: str, **more: Any) -> Any:
        if self.asked is not None:
            self.asked.append((method, path, more))
        return super().send(method, path, **more)


def transport(facts: dict[str, Any], asked: Asked | None = None) -> Noting:
    """A connection to the plain server; notes every request in `asked`."""
    secret = Secret(token="bench-token")
    made = Noting(
        Connection(f"https://127.0.0.1:{facts['port']}", facts["ca"], secret), ip_address("127.0.0.1")
    )
    made.asked = asked
    return made


def whole(facts: dict[str, Any], asked: Asked | None = None) -> Any:
    """Collect, model and analyse, as a refresh does; returns all three."""
    with collector.paused():
        with KubeGateway(transport(facts, asked)) as opened:
            collection = collect(opened)
        manifests = (item.manifest for item in collection.objects)
        snapshot = Snapshot.from_manifests(manifests, gaps=collection.gaps)
        return analyse(snapshot, speedscale()), collection, snapshot


def download(facts: dict[str, Any], asked: Asked) -> int:
    """The same requests, each body received and decompressed; returns the bytes."""
    opened = transport(facts)
    try:
        return sum(len(opened.send(method, path, **more).body) for method, path, more in asked)
    finally:
        opened.close()
