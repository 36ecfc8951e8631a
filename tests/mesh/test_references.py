"""What names of Gateways and of their hosts mean; the table of resolveGatewayName."""

from __future__ import annotations

import pytest

from apps.mesh.references import bound_host, gateway_ref
from apps.mesh.refs import ResourceRef


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("edge", "shop/edge"),
        ("./edge", "shop/edge"),
        ("pay/edge", "pay/edge"),
        ("edge.pay", "pay/edge"),
        ("edge.pay.svc.cluster.local", "pay/edge"),
        ("istio-system/edge.x", "istio-system/edge.x"),
    ],
)
def test_a_gateway_is_found_by_every_form_of_its_name(name: str, expected: str) -> None:
    namespace, _, short = expected.partition("/")
    assert gateway_ref(name, "shop") == ResourceRef("Gateway", namespace, short)


def test_the_mesh_is_no_object() -> None:
    assert gateway_ref("mesh", "shop") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.x.com", ("*", "a.x.com")),
        ("*/a.x.com", ("*", "a.x.com")),
        ("./*.x.com", ("shop", "*.x.com")),
        ("pay/*", ("pay", "*")),
    ],
)
def test_a_servers_host_says_whose_routes_it_takes(text: str, expected: tuple[str, str]) -> None:
    assert bound_host(text, "shop") == expected
