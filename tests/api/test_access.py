"""Who may ask what: strangers nothing, tokens no more than their scopes, people no more than their roles."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, reverse
from rest_framework.test import APIClient

from apps.accounts import tokens
from apps.accounts.models import RoleBinding
from apps.analysis.models import Finding
from apps.api.urls import urlpatterns
from apps.common import clock
from apps.inventory.models import ObjectVersion
from tests.api.conftest import Speaker
from tests.factories.shop import Shop, person

pytestmark = pytest.mark.django_db(transaction=True)
ARGUMENTS: dict[str, Any] = {
    "name": "shop",
    "pk": 1,
    "prefix": "abc",
    "delivery": UUID(int=1),
    "number": 2,
    "hostset": "speedscale",
}
POSTS = {"clusters-preflight", "cluster-preflight", "cluster-pause", "cluster-resume"}
NAMED = [p for p in urlpatterns if isinstance(p, URLPattern) and p.name and p.name != "schema"]


def url(pattern: URLPattern, **values: Any) -> str:
    known = {**ARGUMENTS, **values}
    names = pattern.pattern.converters
    return reverse(f"api:{pattern.name}", kwargs={name: known[name] for name in names})


@pytest.mark.parametrize("method", ["get", "post", "delete", "patch"])
@pytest.mark.parametrize("pattern", NAMED, ids=lambda p: p.name)
def test_a_stranger_gets_nothing_anywhere(pattern: URLPattern, method: str) -> None:
    answer = getattr(APIClient(), method)(url(pattern), {}, format="json")
    assert answer.status_code in {401, 405}
    assert answer["Content-Type"] == "application/problem+json"
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("pattern", [p for p in NAMED if p.name not in POSTS], ids=lambda p: p.name)
def test_somebody_without_any_role_sees_no_row_of_anything(
    shop: Shop, speaking: Speaker, pattern: URLPattern
) -> None:
    change = shop.pending()
    ids = {
        "finding": Finding.objects.values_list("pk", flat=True).first(),
        "object": ObjectVersion.objects.values_list("pk", flat=True).first(),
    }
    nobody = speaking(person("nobody"))
    path = url(pattern, pk=ids.get(pattern.name or "", change.pk))
    answer = nobody.get(path, {"cluster": "shop"})
    if answer.streaming:
        assert len(answer.getvalue().splitlines()) == 1, "the head alone"
        return
    if answer.status_code == 200 and pattern.name not in {"me", "me-notifications"}:
        assert answer.json()["results"] == [] or pattern.name == "tokens"
    else:
        assert answer.status_code in {200, 403, 404, 405}
    assert "ledger" not in answer.content.decode()


def test_a_token_of_a_closed_account_or_past_its_end_opens_nothing(shop: Shop) -> None:
    token, text = tokens.issue(
        actor=shop.dev, user=shop.dev, name="x", scopes=["read"], expires_at=clock.now() + timedelta(days=1)
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert client.get("/api/v1/me/").status_code == 200
    tokens.revoke(actor=shop.dev, token=token)
    assert client.get("/api/v1/me/").json()["code"] == "authentication_failed"


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer \x01", "Bearer mct_x_y", "Basic eDp5"])
def test_a_broken_authorization_header_is_refused_with_a_problem(header: str, db: None) -> None:
    answer = APIClient().get("/api/v1/me/", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert answer.json()["status"] == 401


def test_a_token_without_the_scope_cannot_approve_although_its_owner_may(
    shop: Shop, speaking: Speaker
) -> None:
    change = shop.pending()
    answer = speaking(shop.sam, "read", "propose").post(f"/api/v1/changes/{change.pk}/approve/", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_a_token_cannot_make_a_stronger_token(shop: Shop, speaking: Speaker) -> None:
    answer = speaking(shop.sam, "read").post(
        "/api/v1/tokens/", {"name": "more", "scopes": ["approve"]}, format="json"
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_a_token_cannot_make_one_that_outlives_it(shop: Shop) -> None:
    ends = clock.now() + timedelta(days=1)
    _, text = tokens.issue(actor=shop.sam, user=shop.sam, name="x", scopes=["read"], expires_at=ends)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    for body in ({}, {"expires_at": (ends + timedelta(days=1)).isoformat()}):
        answer = client.post("/api/v1/tokens/", {"name": "y", "scopes": ["read"], **body}, format="json")
        assert answer.status_code == 403
    as_long = {"name": "y", "scopes": ["read"], "expires_at": ends.isoformat()}
    assert client.post("/api/v1/tokens/", as_long, format="json").status_code == 201


def test_a_session_needs_the_csrf_token_and_a_bearer_does_not(shop: Shop, speaking: Speaker) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(shop.dev, backend="django.contrib.auth.backends.ModelBackend")
    body = {"name": "x", "scopes": ["read"]}
    assert browser.post("/api/v1/tokens/", body, format="json").status_code == 403
    assert speaking(shop.dev).post("/api/v1/tokens/", body, format="json").status_code == 201


def test_a_viewer_of_one_namespace_sees_its_rows_and_no_others(shop: Shop, speaking: Speaker) -> None:
    RoleBinding.objects.filter(user=shop.dev).update(namespace="payments")
    dev = speaking(type(shop.dev).objects.get(pk=shop.dev.pk))
    rows = dev.get("/api/v1/workloads/").json()["results"]
    assert {row["namespace"] for row in rows} == {"payments"}
    asked = {"cluster": "shop", "workload": "catalog/search", "host": "sts.amazonaws.com"}
    assert dev.get("/api/v1/egress/explain/", asked).status_code == 400
    matrix = dev.get("/api/v1/clusters/shop/egress/").json()
    assert {scope["namespace"] for scope in matrix["scopes"]} == {"payments"}


def test_the_audit_is_for_auditors_and_the_refusal_is_in_it(shop: Shop, speaking: Speaker) -> None:
    assert speaking(shop.dev).get("/api/v1/audit/").status_code == 403
    rows = speaking(shop.omar).get("/api/v1/audit/", {"action": "audit.read"}).json()["results"]
    assert [(row["actor"], row["outcome"], row["via"]) for row in rows] == [("dev", "refused", "api")]


def test_no_answer_holds_a_secret_of_a_cluster(shop: Shop, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    shown = json.dumps(
        [omar.get(path).json() for path in ("/api/v1/clusters/", "/api/v1/clusters/shop/", "/api/v1/audit/")]
    )
    assert shop.sim.token("console") not in shown
    assert "ciphertext" not in shown
