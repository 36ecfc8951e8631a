"""A VirtualService gets the name of a captured Service only where calls from inside fare as before."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.patches import apply, intent
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import propose
from apps.mesh.rules.speedscale.virtual_service_lacks_mesh_host import RULE
from apps.mesh.snapshot import Snapshot
from apps.mesh.whatif import predict
from tests.mesh.rule_cases import case_snapshot, found
from tests.mesh.test_remedies import HOSTS, only, spec_of
from tests.mesh.test_remedies_minimal import with_spec

MESH_HOST = "add-mesh-host"
CART = "cart.shop.svc.cluster.local"
ROUTE = ResourceRef("VirtualService", "shop", "cart")
TO_CART = {"destination": {"host": "cart"}}


def gateway_only(name: str = "bound-to-the-gateway-only", **spec: Any) -> Snapshot:
    """A case with other fields in the spec of its VirtualService."""
    snapshot = case_snapshot("SS12", name)
    manifest = snapshot.manifest(ROUTE)
    assert manifest is not None
    return snapshot.with_patched([{**manifest, "spec": {**manifest["spec"], **spec}}], [])


def test_host_and_mesh_are_added_behind_what_is_listed() -> None:
    snapshot = gateway_only()
    proposal = propose(snapshot, HOSTS, MESH_HOST)
    patch = only(proposal)
    assert intent(patch)["spec"] == {"hosts": ["cart.example.com", CART], "gateways": ["public", "mesh"]}
    assert any("cart.example.com" in warning for warning in proposal.warnings)


def test_only_what_lacks_is_added() -> None:
    patch = only(propose(gateway_only("mesh-is-not-among-its-gateways"), HOSTS, MESH_HOST))
    assert intent(patch)["spec"] == {"gateways": ["public", "mesh"]}
    patch = only(propose(gateway_only(gateways=["public", "mesh"]), HOSTS, MESH_HOST))
    assert intent(patch)["spec"] == {"hosts": ["cart.example.com", CART]}


def test_the_finding_goes_and_nothing_else_changes() -> None:
    snapshot = gateway_only()
    patches = propose(snapshot, HOSTS, MESH_HOST).patches
    difference = predict(snapshot, patches, HOSTS).difference
    assert [change.code for change in difference.findings_disappear] == ["SS12"]
    assert difference.findings_appear == ()
    assert difference.newly_broken == ()
    assert (difference.opened, difference.closed, difference.changed) == ((), (), ())
    with pytest.raises(ProposalError):
        propose(apply(snapshot, patches), HOSTS, MESH_HOST)


def test_both_parts_are_needed() -> None:
    snapshot = gateway_only()
    patch = only(propose(snapshot, HOSTS, MESH_HOST))
    assert found(RULE, apply(snapshot, [patch])) == []
    for key in ("hosts", "gateways"):
        smaller = with_spec(patch, {**spec_of(patch), key: spec_of(patch)[key][:-1]})
        assert found(RULE, apply(snapshot, [smaller]))


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"http": [{"match": [{"uri": {"prefix": "/api"}}], "route": [TO_CART]}]}, "every call"),
        ({"http": [{"route": [TO_CART], "timeout": "5s"}]}, "do more"),
        ({"http": [{"route": [TO_CART], "rewrite": {"uri": "/"}}]}, "do more"),
        ({"http": [{"route": [{"destination": {"host": "cart", "subset": "v2"}}]}]}, "subsets"),
        ({"http": [{"route": [{"destination": {"host": "cart", "port": {"number": 81}}}]}]}, "port"),
        ({"http": [{"route": [TO_CART, {"destination": {"host": "stock"}, "weight": 1}]}]}, "more than one"),
        ({"hosts": ["*.example.com"]}, "wildcard"),
        ({"tcp": [{"route": [TO_CART]}]}, "not for HTTP"),
    ],
)
def test_where_a_call_might_fare_otherwise_nothing_is_proposed(spec: dict[str, Any], why: str) -> None:
    with pytest.raises(ProposalError, match=why):
        propose(gateway_only(**spec), HOSTS, MESH_HOST)


def test_a_public_name_that_something_else_speaks_of_is_not_taken_away_from_it() -> None:
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "public", "namespace": "shop"},
        "spec": {
            "hosts": ["cart.example.com"],
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        },
    }
    with pytest.raises(ProposalError, match="ServiceEntry shop/public"):
        propose(gateway_only().with_patched([entry], []), HOSTS, MESH_HOST)


def test_two_that_could_speak_for_a_service_are_both_left_alone() -> None:
    snapshot = gateway_only()
    manifest = snapshot.manifest(ROUTE)
    assert manifest is not None
    second = {**manifest, "metadata": {"name": "cart-2", "namespace": "shop"}}
    with pytest.raises(ProposalError, match="another"):
        propose(snapshot.with_patched([second], []), HOSTS, MESH_HOST)


def test_only_the_one_that_is_asked_for_is_changed() -> None:
    assert only(propose(gateway_only(), HOSTS, MESH_HOST, Target(ref=ROUTE))).ref == ROUTE
    for target in (Target(ref=ResourceRef("VirtualService", "shop", "x")), Target(namespaces=("lab",))):
        with pytest.raises(ProposalError):
            propose(gateway_only(), HOSTS, MESH_HOST, target)
