"""Clusters over REST: checked, registered, read, paused, removed; no secret comes back."""

from __future__ import annotations

from typing import Any

import pytest

from apps.clusters.models import Cluster
from tests.api.conftest import Speaker
from tests.factories.shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)


def registration(shop: Shop, **other: Any) -> dict[str, Any]:
    return {
        "name": "second",
        "environment": "lab",
        "server": shop.sim.url,
        "ca_pem": shop.sim.ca_pem,
        "token": shop.sim.token("console"),
        **other,
    }


def test_a_cluster_is_checked_and_then_registered_by_address_and_token(shop: Shop, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    checked = omar.post("/api/v1/clusters/preflight/", registration(shop), format="json")
    assert checked.status_code == 200, checked.content
    assert checked.json()["identity"] == "console"
    assert not Cluster.objects.filter(name="second").exists()
    made = omar.post("/api/v1/clusters/", registration(shop), format="json")
    assert made.status_code == 201, made.content
    assert made.json()["latest_refresh"]["state"] == "queued"
    assert shop.sim.token("console") not in made.content.decode()


def test_a_cluster_is_registered_by_kubeconfig(shop: Shop, speaking: Speaker) -> None:
    body = {"name": "second", "environment": "lab", "kubeconfig": shop.sim.kubeconfig("console")}
    made = speaking(shop.omar).post("/api/v1/clusters/", body, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["server"] == shop.sim.url


def test_a_kubeconfig_that_would_run_something_is_refused_by_the_name_of_the_field(
    shop: Shop, speaking: Speaker
) -> None:
    text = shop.sim.kubeconfig("console")
    token = shop.sim.token("console")
    evil = text.replace(f"token: {token}", "exec: {command: touch, args: [/tmp/owned]}")
    assert evil != text
    body = {"name": "second", "environment": "lab", "kubeconfig": evil}
    answer = speaking(shop.omar).post("/api/v1/clusters/", body, format="json")
    assert answer.status_code == 400
    assert "exec" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("token", "wrong", "token"), ("name", "Bad Name", "name"), ("server", "http://127.0.0.1:1", "server")],
)
def test_a_registration_that_cannot_work_names_its_field(
    shop: Shop, speaking: Speaker, field: str, value: str, named: str
) -> None:
    body = registration(shop, **{field: value})
    answer = speaking(shop.omar).post("/api/v1/clusters/", body, format="json")
    assert (answer.status_code, answer.json()["field"]) == (400, named)


def test_somebody_who_does_not_operate_clusters_is_refused(shop: Shop, speaking: Speaker) -> None:
    for method, path in (("post", "clusters/"), ("post", "clusters/shop/pause/")):
        body = registration(shop) if path == "clusters/" else {}
        answer = getattr(speaking(shop.priya), method)(f"/api/v1/{path}", body, format="json")
        assert answer.status_code == 403, path


def test_a_cluster_is_paused_resumed_refreshed_and_removed(shop: Shop, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    assert omar.post("/api/v1/clusters/shop/pause/").json()["paused"] is True
    assert omar.post("/api/v1/clusters/shop/refresh/").status_code == 409
    assert omar.post("/api/v1/clusters/shop/resume/").json()["paused"] is False
    assert omar.post("/api/v1/clusters/shop/refresh/").status_code == 202
    assert omar.post("/api/v1/clusters/shop/preflight/").json()["identity"] == "console"
    assert omar.delete("/api/v1/clusters/shop/").status_code == 400
    assert omar.delete("/api/v1/clusters/shop/?confirm=shop").status_code == 204
    assert omar.get("/api/v1/clusters/shop/").status_code == 404


def test_a_cluster_shows_its_figures_and_last_reading(shop: Shop, speaking: Speaker) -> None:
    found = speaking(shop.dev).get("/api/v1/clusters/shop/").json()
    assert found["latest_refresh"]["state"] == "done"
    assert found["summary"]["figures"]["workloads"] > 0
    assert found["health"] == "healthy"


def test_an_explanation_has_its_chain_of_evidence_and_a_fix(shop: Shop, speaking: Speaker) -> None:
    asked = {"cluster": "shop", "workload": "payments/ledger", "host": "sts.amazonaws.com"}
    found = speaking(shop.dev).get("/api/v1/egress/explain/", asked).json()
    assert found["verdict"].startswith("blocked")
    assert found["evidence"]
    assert found["fix"]["remedy"]
    assert found["sentence"] == found["evidence"][-1]["text"]
    assert (found["verdict"], found["status"]) == ("blocked-reset", None)


def test_findings_workloads_and_objects_are_filtered(shop: Shop, speaking: Speaker) -> None:
    dev = speaking(shop.dev)
    findings = dev.get("/api/v1/findings/", {"cluster": "shop"}).json()
    assert findings["count"] > 0
    one = dev.get(f"/api/v1/findings/{findings['results'][0]['id']}/").json()
    assert "evidence" in one
    rows = dev.get("/api/v1/workloads/", {"namespace": "payments", "q": "ledg"}).json()["results"]
    assert [row["name"] for row in rows] == ["ledger"]
    entries = dev.get("/api/v1/objects/", {"cluster": "shop", "kind": "ServiceEntry"}).json()["results"]
    assert [row["name"] for row in entries] == ["speedscale-external-svc-https"]
    whole = dev.get(f"/api/v1/objects/{entries[0]['id']}/").json()
    assert whole["manifest"]["kind"] == "ServiceEntry"
    assert whole["uid"]
