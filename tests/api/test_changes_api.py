"""A change over REST: proposed once, decided on by its digest, followed, applied, reverted."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes.actions.validate import validate
from apps.changes.models import ChangeSet
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.api.conftest import Speaker
from tests.factories.shop import NEW_ENTRY, Shop

pytestmark = pytest.mark.django_db(transaction=True)
STS = "sts.amazonaws.com"


def blocked_scope(client: Any) -> str:
    scopes = client.get("/api/v1/clusters/shop/egress/").json()["scopes"]
    key: str = next(scope["key"] for scope in scopes if scope["verdicts"][STS].startswith("blocked"))
    return key


def test_the_whole_way_from_a_blocked_cell_and_back(shop: Shop, speaking: Speaker) -> None:
    priya, sam, noor = (speaking(user) for user in (shop.priya, shop.sam, shop.noor))
    scope = blocked_scope(priya)
    made = priya.post("/api/v1/changes/", {"cluster": "shop", "scope": scope, "host": STS}, format="json")
    assert made.status_code == 201, made.content
    path = f"/api/v1/changes/{made.json()['id']}"
    answer = priya.post(f"{path}/submit/")
    assert answer.json()["state"] == "validating"
    validate(change_id=made.json()["id"])
    seen = sam.get(f"{path}/")
    if seen.json()["state"] == "draft":
        assert seen.json()["can"]["take_over"] != ""
        assert priya.post(f"{path}/take-over/").status_code == 200
        priya.post(f"{path}/submit/")
        validate(change_id=made.json()["id"])
        seen = sam.get(f"{path}/")
    body = seen.json()
    assert body["state"] == "pending", body["state_message"]
    assert seen["ETag"] == f'"{body["digest"]}"'
    assert body["can"]["approve"] == ""
    for reviewer in (sam, noor):
        answer = reviewer.post(
            f"{path}/approve/", {"comment": "ok"}, format="json", HTTP_IF_MATCH=seen["ETag"]
        )
        assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "queued"
    apply_change(body["id"])
    verify_change(body["id"])
    done = priya.get(f"{path}/").json()
    assert (done["state"], done["verification"]["confirmed"]) == ("applied", True), done["state_message"]
    scopes = priya.get("/api/v1/clusters/shop/egress/").json()["scopes"]
    assert next(s for s in scopes if s["key"] == scope)["verdicts"][STS] == "allowed-registry"
    back = priya.post(f"{path}/revert/", {"comment": "and back"}, format="json")
    assert back.status_code == 201, back.content
    assert back.json()["parent"] == body["id"]


def test_a_decision_without_a_digest_needs_one_and_with_another_is_stale(
    shop: Shop, speaking: Speaker
) -> None:
    change = shop.pending()
    sam, path = speaking(shop.sam), f"/api/v1/changes/{change.pk}/approve/"
    assert sam.post(path, {}, format="json").status_code == 428
    stale = sam.post(path, {}, format="json", HTTP_IF_MATCH='"' + "0" * 64 + '"')
    assert (stale.status_code, stale.json()["code"]) == (412, "digest_mismatch")


def test_the_author_is_told_why_not(shop: Shop, speaking: Speaker) -> None:
    change = shop.pending()
    digest = change.revisions.get().digest
    answer = speaking(shop.priya).post(
        f"/api/v1/changes/{change.pk}/approve/", {"digest": digest}, format="json"
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "self_approval")


def test_a_create_that_is_repeated_with_its_key_happens_once(shop: Shop, speaking: Speaker) -> None:
    priya = speaking(shop.priya)
    body = {"cluster": "shop", "title": "Open it", "manifests": NEW_ENTRY}
    first = priya.post("/api/v1/changes/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    second = priya.post("/api/v1/changes/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert second["Idempotency-Replayed"] == "true"
    assert ChangeSet.objects.count() == 1
    other = priya.post(
        "/api/v1/changes/", {**body, "title": "Other"}, format="json", HTTP_IDEMPOTENCY_KEY="k1"
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_of_a_create_that_failed_can_be_used_again(shop: Shop, speaking: Speaker) -> None:
    priya = speaking(shop.priya)
    body = {"cluster": "shop", "manifests": NEW_ENTRY}
    assert priya.post("/api/v1/changes/", body, format="json", HTTP_IDEMPOTENCY_KEY="k").status_code == 400
    again = priya.post("/api/v1/changes/", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert again.status_code == 400


def test_two_people_may_choose_the_same_key(shop: Shop, speaking: Speaker) -> None:
    body = {"name": "t", "scopes": ["read"]}
    for user in (shop.priya, shop.sam):
        answer = speaking(user).post("/api/v1/tokens/", body, format="json", HTTP_IDEMPOTENCY_KEY="same")
        assert answer.status_code == 201


def test_a_repeated_token_is_not_shown_again(shop: Shop, speaking: Speaker) -> None:
    dev, body = speaking(shop.dev), {"name": "t", "scopes": ["read"]}
    first = dev.post("/api/v1/tokens/", body, format="json", HTTP_IDEMPOTENCY_KEY="t")
    second = dev.post("/api/v1/tokens/", body, format="json", HTTP_IDEMPOTENCY_KEY="t")
    assert (second.status_code, second.json()["code"]) == (409, "already_done")
    assert first.json()["token"] not in second.content.decode()


def test_the_diff_shows_fields_and_yaml(shop: Shop, speaking: Speaker) -> None:
    change = shop.proposed()
    (row,) = speaking(shop.dev).get(f"/api/v1/changes/{change.pk}/diff/").json()
    assert (row["action"], row["before_yaml"]) == ("create", "")
    assert "sts.amazonaws.com" in row["after_yaml"]
    assert "spec" in {change["path"] for change in row["changes"]}


def test_the_timeline_can_be_followed(shop: Shop, speaking: Speaker) -> None:
    change = shop.pending()
    dev = speaking(shop.dev)
    events = dev.get(f"/api/v1/changes/{change.pk}/events/").json()["results"]
    assert [event["kind"] for event in events][:2] == ["proposed", "submit"]
    rest = dev.get(f"/api/v1/changes/{change.pk}/events/", {"after": events[-1]["id"]}).json()
    assert rest["results"] == []


def test_the_list_is_filtered_and_paged(shop: Shop, speaking: Speaker) -> None:
    for number in range(3):
        shop.proposed(NEW_ENTRY.replace("speedscale-sts", f"sts-{number}"), title=f"Open {number}")
    dev = speaking(shop.dev)
    page = dev.get("/api/v1/changes/", {"page_size": 2}).json()
    assert (page["count"], len(page["results"])) == (3, 2)
    assert dev.get("/api/v1/changes/", {"q": "Open 1"}).json()["count"] == 1
    assert dev.get("/api/v1/changes/", {"state": "pending,applied"}).json()["count"] == 0
    assert dev.get("/api/v1/changes/", {"cluster": "other"}).json()["count"] == 0


def test_the_list_costs_the_same_number_of_queries_whatever_its_length(
    shop: Shop, speaking: Speaker, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        shop.proposed(NEW_ENTRY.replace("speedscale-sts", f"sts-{number}"), title=f"Open {number}")
    dev = speaking(shop.dev)
    with django_assert_max_num_queries(6):
        assert dev.get("/api/v1/changes/").json()["count"] == 5
