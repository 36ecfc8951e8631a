"""Emergencies, reviews, comments, hand-overs and ends over REST."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.common import clock
from tests.api.conftest import Speaker
from tests.factories.shop import PASSWORD, Shop, decide, fresh, person

pytestmark = pytest.mark.django_db(transaction=True)


def browser(user: object) -> APIClient:
    client = APIClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")  # type: ignore[arg-type]
    return client


def test_no_token_declares_an_emergency_and_a_session_does_with_the_password(
    shop: Shop, speaking: Speaker
) -> None:
    change = shop.pending()
    path, body = f"/api/v1/changes/{change.pk}/break-glass/", {"reason": "Down.", "password": PASSWORD}
    refused = speaking(shop.omar).post(path, body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "session_required")
    wrong = browser(shop.omar).post(path, {**body, "password": "wrong"}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "reauthentication_failed")
    done = browser(shop.omar).post(path, body, format="json")
    assert done.status_code == 200, done.content
    assert done.json()["emergency"]["by"]["username"] == "omar"
    assert done.json()["standing"]["required"] == 1
    assert PASSWORD not in done.content.decode()
    assert not any(PASSWORD in str(row.detail) + row.summary for row in AuditEvent.objects.all())


def test_the_review_afterwards(shop: Shop, speaking: Speaker) -> None:
    change = shop.pending()
    body = {"reason": "Down.", "password": PASSWORD}
    browser(shop.omar).post(f"/api/v1/changes/{change.pk}/break-glass/", body, format="json")
    decide(shop.sam, change)
    ChangeSet.objects.filter(pk=change.pk).update(state=State.REVIEW_DUE)
    path = f"/api/v1/changes/{change.pk}/review/"
    own = speaking(shop.sam).post(path, {"comment": "Fine."}, format="json")
    assert (own.status_code, own.json()["code"]) == (403, "self_review")
    rows = speaking(shop.noor).get("/api/v1/changes/", {"box": "waits"}).json()["results"]
    assert [row["id"] for row in rows] == [change.pk]
    done = speaking(shop.noor).post(path, {"comment": "Fine."}, format="json").json()
    assert (done["state"], done["emergency"]["reviewed_by"]["username"]) == ("applied", "noor")


def test_a_token_of_the_author_never_approves(shop: Shop, speaking: Speaker) -> None:
    both = person("both", Role.PROPOSER, Role.APPROVER)
    text = {"cluster": "shop", "title": "T", "manifests": "a"}
    assert speaking(both).post("/api/v1/changes/", text, format="json").status_code == 400
    change = shop.pending()
    ChangeSet.objects.filter(pk=change.pk).update(submitter=both)
    digest = change.revisions.get().digest
    answer = speaking(both).post(f"/api/v1/changes/{change.pk}/approve/", {"digest": digest}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "self_approval")


def test_comment_hand_over_end_and_rebase(shop: Shop, speaking: Speaker) -> None:
    change = shop.proposed()
    priya, path = speaking(shop.priya), f"/api/v1/changes/{change.pk}"
    said = priya.post(f"{path}/comments/", {"text": "<b>Look.</b>"}, format="json")
    assert (said.status_code, said.json()["comments"][0]["text"]) == (201, "<b>Look.</b>")
    ends = (clock.now() + timedelta(days=2)).isoformat()
    boxed = priya.post(f"{path}/time-box/", {"ends_at": ends, "auto_revert": True}, format="json").json()
    assert boxed["auto_revert"] is True
    assert boxed["emergency"] is None
    assert priya.post(f"{path}/rebase/").json()["state"] == "validating"
    other = shop.proposed(title="Another")
    person("pat", Role.PROPOSER)
    handed = priya.post(f"/api/v1/changes/{other.pk}/hand-over/", {"username": "pat"}, format="json")
    assert handed.json()["author"]["username"] == "pat"
    assert fresh(other).author.username == "pat"
