"""The parts of a Sidecar's egress hosts."""

from __future__ import annotations

from apps.mesh.egresshosts import EgressHost, egress_hosts
from apps.mesh.objects.networking import EgressListener, Port, Sidecar
from apps.mesh.refs import ResourceRef


def parts(*hosts: str, port: Port | None = None) -> list[EgressHost]:
    listener = EgressListener(hosts=hosts, port=port)
    return list(egress_hosts(Sidecar(ref=ResourceRef("Sidecar", "shop", "x"), egress=(listener,))))


def test_every_item_has_its_place() -> None:
    assert [item.path for item in parts("./*", "*/*")] == [
        "spec.egress[0].hosts[0]",
        "spec.egress[0].hosts[1]",
    ]


def test_the_owner_is_the_namespace_that_is_meant() -> None:
    owners = [item.owner_in("shop") for item in parts("./*", "*/*", "pay/A.x.com", "~/*", "~pay/*", "~./*")]
    assert owners == ["shop", "*", "pay", "*", "pay", "shop"]


def test_exclusions_are_told_apart() -> None:
    assert [(item.excluded, item.bare) for item in parts("pay/*", "~/*", "~pay/*")] == [
        (False, False),
        (True, True),
        (True, False),
    ]


def test_only_one_slash_can_be_read() -> None:
    assert [item.readable for item in parts("pay", "pay/*", "a/b/c")] == [False, True, False]


def test_a_proxy_port_asks_nothing_of_services() -> None:
    tls, proxy = Port(443, "TLS"), Port(3128, "HTTP_PROXY")
    assert [parts("./*", port=port)[0].port for port in (None, tls, proxy)] == [0, 443, 0]
