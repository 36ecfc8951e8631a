"""Every failure is a problem with a sentence, a stable code and the request's id; none is a trace."""

from __future__ import annotations

from typing import Any

import pytest

from apps.api.errors import BODY_LIMIT
from apps.api.views import admin
from tests.api.conftest import Speaker
from tests.factories.shop import NEW_ENTRY, Shop

pytestmark = pytest.mark.django_db(transaction=True)


def problem(answer: Any, status: int, code: str) -> Any:
    assert answer.status_code == status, answer.content[:400]
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["detail"]
    assert body["request_id"]
    return body


def test_a_paste_of_twenty_megabytes_is_refused_before_it_is_parsed(shop: Shop, speaking: Speaker) -> None:
    body = '{"cluster": "shop", "manifests": "' + "x" * (20 * 1024 * 1024) + '"}'
    answer = speaking(shop.priya).post("/api/v1/changes/", body, content_type="application/json")
    assert "KiB" in problem(answer, 413, "too_large")["detail"]
    assert BODY_LIMIT < 20 * 1024 * 1024


def test_a_paste_beyond_what_manifests_may_have_says_so(shop: Shop, speaking: Speaker) -> None:
    body = {"cluster": "shop", "title": "x", "manifests": "a: " + "x" * 300_000}
    answer = speaking(shop.priya).post("/api/v1/changes/", body, format="json")
    assert "256 KiB" in problem(answer, 400, "invalid_manifest")["detail"]


def test_a_bomb_of_aliases_is_a_sentence(shop: Shop, speaking: Speaker) -> None:
    body = {"cluster": "shop", "title": "x", "manifests": "a: &a [x]\nb: [*a, *a]\n"}
    found = problem(
        speaking(shop.priya).post("/api/v1/changes/", body, format="json"), 400, "invalid_manifest"
    )
    assert found["field"] == "manifests"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "parse_error"),
        ("[]", "parse_error"),
        ('{"a": NaN}', "parse_error"),
        ("\xff", "parse_error"),
        ("[" * 100_000, "parse_error"),
    ],
)
def test_what_is_no_json_object_is_a_problem(shop: Shop, speaking: Speaker, body: str, code: str) -> None:
    data = body.encode("latin-1")
    problem(speaking(shop.priya).post("/api/v1/changes/", data, content_type="application/json"), 400, code)


def test_another_media_type_is_a_problem(shop: Shop, speaking: Speaker) -> None:
    answer = speaking(shop.priya).post("/api/v1/changes/", b"<a/>", content_type="text/xml")
    problem(answer, 415, "unsupported_media_type")


def test_a_field_that_is_unknown_or_wrong_is_named(shop: Shop, speaking: Speaker) -> None:
    client = speaking(shop.priya)
    found = problem(client.post("/api/v1/changes/", {"clutser": "shop"}, format="json"), 400, "invalid")
    assert found["field"] == "clutser"
    found = problem(client.post("/api/v1/changes/", {"finding": "x"}, format="json"), 400, "invalid")
    assert found["causes"][0]["field"] == "finding"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("changes/?box=x", "box"),
        ("changes/?state=nope", "state"),
        ("findings/?state=x", "state"),
        ("egress/explain/?cluster=shop&workload=payments/ledger&host=", "host"),
        ("egress/explain/?cluster=shop&workload=payments/ledger&host=a&port=0", "port"),
        ("egress/explain/?cluster=shop&workload=payments/ledger&host=a&port=99999999999999999999", "port"),
        ("egress/explain/?cluster=shop&workload=payments/ledger&host=a&protocol=UDP", "protocol"),
        ("egress/explain/?cluster=shop&workload=nothing&host=a", "workload"),
    ],
)
def test_a_filter_that_cannot_be_is_named(shop: Shop, speaking: Speaker, path: str, field: str) -> None:
    assert problem(speaking(shop.dev).get(f"/api/v1/{path}"), 400, "invalid")["field"] == field


@pytest.mark.parametrize(
    "path",
    [
        "nowhere/",
        "clusters/nope/",
        "clusters/%3Cscript%3E/",
        "changes/999999/",
        "changes/99999999999999999999999/",
        "findings/999999/",
        "objects/999999/",
        "findings/?page=99999",
        "clusters/x%00y/",
    ],
)
def test_what_is_not_there_is_a_problem(shop: Shop, speaking: Speaker, path: str) -> None:
    problem(speaking(shop.dev).get(f"/api/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize("name", ["workloads", "findings", "audit"])
def test_a_nul_in_a_filter_breaks_nothing(shop: Shop, speaking: Speaker, name: str) -> None:
    for query in ("?namespace=%00", "?q=%00", "?cluster=%00", "?code=%00"):
        assert speaking(shop.omar).get(f"/api/v1/{name}/{query}").status_code in {200, 400}


def test_a_method_that_is_not_served_is_a_problem(shop: Shop, speaking: Speaker) -> None:
    problem(speaking(shop.dev).delete("/api/v1/changes/"), 405, "method_not_allowed")


def test_a_fault_of_ours_shows_an_id_and_no_trace(
    shop: Shop, speaking: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(admin, "waiting_count", broken)
    body = problem(speaking(shop.dev).get("/api/v1/me/"), 500, "internal")
    assert "secret detail" not in str(body)


def test_a_verb_in_the_wrong_state_says_what_is_possible(shop: Shop, speaking: Speaker) -> None:
    change = shop.proposed(NEW_ENTRY)
    body = problem(speaking(shop.omar).post(f"/api/v1/changes/{change.pk}/execute/"), 409, "wrong_state")
    assert "Possible: submit, edit, withdraw" in body["detail"]
