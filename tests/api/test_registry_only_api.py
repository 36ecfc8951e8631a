"""/api/v1/clusters/{name}/registry-only/: pages of scopes, refusals, and what to open first."""

from __future__ import annotations

import pytest

from tests.api.conftest import Speaker
from tests.factories.shop import Shop

PATH = "/api/v1/clusters/shop/registry-only/"


def test_a_closed_mesh_answers_with_what_is_blocked_already(shop: Shop, speaking: Speaker) -> None:
    found = speaking(shop.dev).get(PATH, {"host": "api.stripe.com", "outcome": "already-blocked"}).json()
    assert found["writes"] == []
    assert found["counts"]["would-be-blocked"] == 0
    row = next(row for row in found["results"] if row["namespace"] == "payments")
    assert (row["switched"], "api.stripe.com" in {cell["host"] for cell in row["hosts"]}) == (False, True)
    assert {cell["outcome"] for cell in row["hosts"]} == {"already-blocked"}
    assert row["hosts"][0]["before"].startswith("blocked")


def test_an_open_mesh_answers_with_what_would_break_and_what_to_open_first(
    shop: Shop, speaking: Speaker
) -> None:
    shop.rogue(
        "PATCH",
        "/api/v1/namespaces/istio-system/configmaps/istio",
        {"data": {"mesh": "outboundTrafficPolicy: {mode: ALLOW_ANY}"}},
    )
    shop.refresh()
    dev = speaking(shop.dev)
    found = dev.get(PATH, {"namespace": "payments", "host": ["api.stripe.com", "db.x.com:5432/TCP"]}).json()
    assert found["writes"] == [{"action": "update", "ref": "ConfigMap istio-system/istio"}]
    assert {row["namespace"] for row in found["results"]} == {"payments"}
    cells = {(c["host"], c["protocol"]): c for row in found["results"] for c in row["hosts"]}
    assert cells["api.stripe.com", "TLS"]["outcome"] == "would-be-blocked"
    assert cells["api.stripe.com", "TLS"]["fix"]
    assert cells["db.x.com", "TCP"]["after"] == "blocked-reset"
    one = dev.get(PATH, {"only": "payments"}).json()
    assert (one["namespace"], one["writes"][0]["ref"]) == ("payments", "Sidecar payments/default")
    asked = {"only": "payments", "host": ["api.stripe.com", "db.x.com:5432/TCP"]}
    first = dev.get(f"{PATH}open-first/", asked).json()
    assert "api.stripe.com" in {row["host"] for row in first["opens"]}
    assert {row["namespace"] for row in first["opens"]} == {"payments"}
    assert [(row["host"], "needs addresses" in row["reason"]) for row in first["left"]] == [
        ("db.x.com", True)
    ]
    assert (first["reason"], first["others"]) == ("", 0)
    made = {"cluster": "shop", "title": "Open first", "manifests": first["manifests"]}
    assert dev.post("/api/v1/changes/", made, format="json").status_code == 403
    change = speaking(shop.priya).post("/api/v1/changes/", made, format="json")
    assert change.status_code == 201, change.content
    assert "external-hosts-https" in {item["name"] for item in change.json()["items"]}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("plane=a/b", "plane"),
        ("only=nowhere", "namespace"),
        ("host=http://x", "host"),
        ("host=x.com/UDP", "host"),
        ("outcome=fine", "outcome"),
    ],
)
def test_what_cannot_be_used_is_named(query: str, field: str, shop: Shop, speaking: Speaker) -> None:
    answer = speaking(shop.dev).get(f"{PATH}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_pages_of_scopes(shop: Shop, speaking: Speaker) -> None:
    dev = speaking(shop.dev)
    found = dev.get(PATH, {"page_size": 1}).json()
    assert len(found["results"]) == 1
    assert found["count"] > 1
    assert found["next"]
    assert dev.get(PATH, {"page": 99}).status_code == 404
