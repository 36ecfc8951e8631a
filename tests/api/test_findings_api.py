"""Findings over REST: suppressed, lifted, listed apart, and exported."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from apps.analysis.models import Finding, Suppression
from apps.common import clock
from tests.api.conftest import Speaker
from tests.factories.shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/api/v1/findings/"
SUPPRESSIONS = "/api/v1/clusters/shop/suppressions/"


@pytest.fixture
def found(shop: Shop) -> Iterator[Finding]:
    row = Finding.objects.filter(resolved_at__isnull=True).order_by("severity_rank", "pk").first()
    assert row is not None
    yield row
    Suppression.objects.all().delete()  # people cannot go before what they decided


def ids(answer: Any) -> set[int]:
    return {row["id"] for row in answer.json()["results"]}


def test_a_finding_is_suppressed_for_thirty_days_and_lifted(
    shop: Shop, found: Finding, speaking: Speaker
) -> None:
    omar = speaking(shop.omar)
    answer = omar.post(f"{LIST}{found.pk}/suppress/", {"reason": "known"}, format="json")
    until = (clock.now().date() + timedelta(days=30)).isoformat()
    made = answer.json()
    assert answer.status_code == 200
    assert (made["until"], made["state"], made["created_by"], made["fingerprint"]) == (
        until, "holds", "omar", found.fingerprint,
    )  # fmt: skip
    assert found.pk not in ids(omar.get(LIST))
    assert ids(omar.get(LIST, {"state": "suppressed"})) == {found.pk}
    assert found.pk in ids(omar.get(LIST, {"state": "all"}))
    shown = omar.get(f"{LIST}{found.pk}/").json()
    assert shown["state"] == "suppressed"
    assert shown["suppressed"] == {
        "by": "console", "reason": "known", "until": until, "suppression": made["id"],
    }  # fmt: skip
    assert omar.post(f"{LIST}{found.pk}/suppress/", {"reason": "x"}, format="json").status_code == 409
    lifted = omar.post(f"{LIST}{found.pk}/lift/")
    assert (lifted.status_code, lifted.json()["state"], lifted.json()["lifted_by"]) == (200, "lifted", "omar")
    assert found.pk in ids(omar.get(LIST))
    assert omar.post(f"{LIST}{found.pk}/lift/").json()["code"] == "wrong_state"


def test_a_pattern_is_made_once_listed_and_lifted(shop: Shop, found: Finding, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    body = {"code": found.code, "name": found.name[:3] + "*", "reason": "all of it", "endless": True}
    made = omar.post(SUPPRESSIONS, body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    again = omar.post(SUPPRESSIONS, body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    assert (made.status_code, again.status_code) == (201, 201)
    assert made.json() == again.json()
    assert (made.json()["kind"], made.json()["until"]) == ("*", None)
    assert ids(omar.get(SUPPRESSIONS)) == {made.json()["id"]}
    assert found.pk in ids(omar.get(LIST, {"state": "suppressed"}))
    figures = omar.get("/api/v1/clusters/shop/").json()["summary"]["figures"]
    assert figures["suppressed"] >= 1
    assert omar.post(f"/api/v1/suppressions/{made.json()['id']}/lift/").status_code == 200
    assert ids(omar.get(LIST, {"state": "suppressed"})) == set()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x", "until": "2001-01-01"}, "until"),
        ({"reason": "x", "until": "2999-01-01", "endless": True}, "until"),
        ({"reason": "x", "untill": "2999-01-01"}, "untill"),
    ],
)
def test_what_cannot_be_used_is_named(
    shop: Shop, found: Finding, speaking: Speaker, body: dict[str, Any], field: str
) -> None:
    answer = speaking(shop.omar).post(f"{LIST}{found.pk}/suppress/", body, format="json")
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    unknown = {"code": "SS99", "reason": "x"}
    assert speaking(shop.omar).post(SUPPRESSIONS, unknown, format="json").json()["field"] == "code"


def test_who_may_only_look_suppresses_nothing_and_a_token_no_more_than_its_scopes(
    shop: Shop, found: Finding, speaking: Speaker
) -> None:
    made = speaking(shop.omar).post(f"{LIST}{found.pk}/suppress/", {"reason": "known"}, format="json").json()
    dev = speaking(shop.dev)
    other = Finding.objects.exclude(pk=found.pk).first() or found
    for path, body in (
        (f"{LIST}{other.pk}/suppress/", {"reason": "x"}),
        (f"{LIST}{found.pk}/lift/", {}),
        (SUPPRESSIONS, {"code": found.code, "reason": "x"}),
        (f"/api/v1/suppressions/{made['id']}/lift/", {}),
    ):
        answer = dev.post(path, body, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), path
        scoped = speaking(shop.omar, "read", "propose").post(path, body, format="json")
        assert (scoped.status_code, scoped.json()["code"]) == (403, "scope_missing"), path
    assert Suppression.objects.filter(lifted_at__isnull=True).count() == 1
    assert ids(dev.get(SUPPRESSIONS)) == {made["id"]}


def test_the_list_is_exported_as_csv_and_as_json_lines(shop: Shop, found: Finding, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    omar.post(f"{LIST}{found.pk}/suppress/", {"reason": "=1+1"}, format="json")
    answer = omar.get(f"{LIST}export/", {"state": "suppressed"})
    (row,) = csv.DictReader(answer.getvalue().decode().splitlines())
    assert (row["fingerprint"], row["suppressed_reason"]) == (found.fingerprint, "'=1+1")
    answer = omar.get(f"{LIST}export/", {"as": "jsonl", "state": "all"})
    lines = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert {line["fingerprint"]: line["state"] for line in lines}[found.fingerprint] == "suppressed"
    assert len(lines) == omar.get(LIST, {"state": "all"}).json()["count"]
    assert omar.get(f"{LIST}export/", {"as": "xlsx"}).status_code == 400
    assert omar.get(f"{LIST}export/", {"state": "none"}).status_code == 400


def test_a_finding_names_its_remedy_or_says_why_there_is_none(shop: Shop, speaking: Speaker) -> None:
    rows = speaking(shop.dev).get(LIST, {"state": "all"}).json()["results"]
    assert {bool(row["remedy"]) for row in rows} == {True, False}
    assert all(bool(row["remedy"]) != bool(row["no_remedy"]) for row in rows)
