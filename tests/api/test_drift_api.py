"""Drift, the phases of a verification and the versions of an object over REST."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.common.clock import now
from apps.inventory.models import ObjectVersion
from apps.pipeline.rollout import apply_change
from apps.pipeline.settling import settle_change
from apps.pipeline.verifying import verify_change
from tests.api.conftest import Speaker
from tests.factories.shop import NEW_PATH, SIDECAR, SIDECAR_PATH, Shop, fresh

pytestmark = pytest.mark.django_db(transaction=True)


def drifted(shop: Shop) -> ChangeSet:
    change = shop.queued()
    apply_change(change.pk)
    assert verify_change(change.pk) == State.APPLIED
    shop.rogue("PATCH", f"{NEW_PATH}?fieldManager=kubectl-edit", {"spec": {"hosts": ["sts.amazonaws.com"]}})
    shop.refresh()
    return fresh(change)


def test_drift_is_in_the_list_and_in_the_change_field_by_field(shop: Shop, speaking: Speaker) -> None:
    change, dev = drifted(shop), speaking(shop.dev)
    other = shop.proposed(SIDECAR)
    rows = dev.get("/api/v1/changes/", {"drifted": "true"}).json()["results"]
    assert [row["id"] for row in rows] == [change.pk]
    assert rows[0]["drifted_at"]
    assert len(dev.get("/api/v1/changes/").json()["results"]) == 2
    body = dev.get(f"/api/v1/changes/{change.pk}/").json()
    (one,) = body["drift"]
    assert one["changes"] == [
        {
            "path": "spec.hosts",
            "written": ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"],
            "now": ["sts.amazonaws.com"],
        }
    ]
    assert (one["what"], one["managers"], one["likely_cause"]) == ("changed", ["kubectl-edit"], "")
    assert one["since"] == body["drifted_at"]
    assert body["can"]["accept_drift"] != ""
    quiet = dev.get(f"/api/v1/changes/{other.pk}/").json()
    assert (quiet["drift"], quiet["drifted_at"]) == ([], None)
    row = ObjectVersion.objects.get(name="speedscale-sts", valid_to__isnull=True)
    written = dev.get(f"/api/v1/objects/{row.pk}/").json()["written_by"]
    assert (written["number"], written["drifted_at"]) == (change.number, body["drifted_at"])


def test_it_is_proposed_again_once_for_one_key(shop: Shop, speaking: Speaker) -> None:
    change = drifted(shop)
    path = f"/api/v1/changes/{change.pk}/propose-again/"
    priya = speaking(shop.priya)
    answers = [priya.post(path, HTTP_IDEMPOTENCY_KEY="one") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"] != change.pk
    assert answers[0].json()["state"] == "draft"
    assert speaking(shop.dev).post(path).status_code == 403
    assert speaking(shop.priya, "read").post(path).json()["code"] == "scope_missing"


def test_it_is_accepted_with_a_reason(shop: Shop, speaking: Speaker) -> None:
    change = drifted(shop)
    path = f"/api/v1/changes/{change.pk}/accept-drift/"
    priya = speaking(shop.priya)
    assert priya.post(path, {}, format="json").status_code == 400
    assert speaking(shop.dev).post(path, {"reason": "x"}, format="json").status_code == 403
    done = priya.post(path, {"reason": "They know."}, format="json")
    assert (done.status_code, done.json()["drift"], done.json()["drifted_at"]) == (200, [], None)
    assert priya.post(path, {"reason": "x"}, format="json").status_code == 409


def test_both_phases_of_the_verification_are_told(shop: Shop, speaking: Speaker) -> None:
    change, dev = shop.queued(), speaking(shop.dev)
    apply_change(change.pk)
    verify_change(change.pk)
    body = dev.get(f"/api/v1/changes/{change.pk}/").json()
    assert [one["phase"] for one in body["verifications"]] == ["first"]
    assert body["settles_at"]
    with time_machine.travel(now() + timedelta(minutes=4)):
        settle_change(change.pk)
    body = dev.get(f"/api/v1/changes/{change.pk}/").json()
    assert [(one["phase"], one["confirmed"]) for one in body["verifications"]] == [
        ("first", True),
        ("settled", True),
    ]
    assert (body["verification"]["phase"], body["settles_at"]) == ("settled", None)


def test_who_keeps_an_object_is_in_the_draft_with_what_happens(shop: Shop, speaking: Speaker) -> None:
    shop.rogue("PATCH", SIDECAR_PATH, {"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "mesh"}}})
    shop.refresh()
    body = {"cluster": "shop", "title": "More", "manifests": SIDECAR}
    made = speaking(shop.priya).post("/api/v1/changes/", body, format="json")
    assert made.status_code == 201, made.content
    kept = made.json()["items"][0]["kept_by"]
    assert (kept["tool"], kept["source"], kept["reverts"]) == ("Flux", "mesh", True)
    assert "puts the object back at its next interval" in kept["what_happens"]
    body["manifests"] = SIDECAR.replace("payments", "catalog")
    free = speaking(shop.priya).post("/api/v1/changes/", body, format="json").json()
    assert free["items"][0]["kept_by"] is None


def test_versions_of_an_object_and_two_of_them_compared(shop: Shop, speaking: Speaker) -> None:
    change, dev = drifted(shop), speaking(shop.dev)
    new, old = ObjectVersion.objects.filter(name="speedscale-sts").order_by("-valid_from")
    rows = dev.get(f"/api/v1/objects/{old.pk}/versions/").json()["results"]
    assert [(row["id"], row["change"], row["managers"]) for row in rows] == [
        (new.pk, "", ["kubectl-edit"]),
        (old.pk, change.number, []),
    ]
    one = dev.get(f"/api/v1/objects/{new.pk}/diff/", {"against": old.pk}).json()
    assert [row["path"] for row in one["changes"]] == ["spec.hosts"]
    assert (one["before"]["id"], one["after"]["id"]) == (old.pk, new.pk)
    other = ObjectVersion.objects.filter(kind="Sidecar").values_list("pk", flat=True)[0]
    for against in (other, "x", ""):
        answer = dev.get(f"/api/v1/objects/{new.pk}/diff/", {"against": against})
        assert (answer.status_code, answer.json()["field"]) == (400, "against")
    assert dev.get(f"/api/v1/objects/{new.pk}/diff/", {"against": 10**9}).status_code == 404
