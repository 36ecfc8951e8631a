"""Webhooks, deliveries, one's own mail and the audit record over REST."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.audit.actions import record
from apps.audit.chain import digest
from apps.audit.checkpoints import read, take
from apps.notifications.models import Webhook
from tests.api.conftest import Speaker
from tests.factories.certificates import ca_pem
from tests.factories.people import person
from tests.notifications.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
SECRET = "canary-of-the-signing-secret"


@pytest.fixture
def receiver(settings: Settings, tmp_path: Path) -> Iterator[Receiver]:
    (tmp_path / "ca.pem").write_text(ca_pem())
    settings.MESHCONSOLE_WEBHOOK_CA = str(tmp_path / "ca.pem")
    with receiving(SECRET, tmp_path) as one:
        yield one


def test_a_webhook_is_kept_tested_and_removed_and_never_gives_its_secrets_away(
    receiver: Receiver, speaking: Speaker
) -> None:
    dora = speaking(person("dora"))
    body = {"name": "ops", "url": receiver.url, "secret": SECRET, "events": ["failed"]}
    made = dora.post("/api/v1/webhooks/", body, format="json", HTTP_IDEMPOTENCY_KEY="1")
    again = dora.post("/api/v1/webhooks/", body, format="json", HTTP_IDEMPOTENCY_KEY="1")
    assert (made.status_code, again.status_code, Webhook.objects.count()) == (201, 201, 1)
    path = f"/api/v1/webhooks/{made.json()['id']}/"

    sent = dora.post(f"{path}test/").json()
    assert (sent["state"], sent["status"], sent["event"]) == ("sent", 204, "test")
    assert receiver.got[0].genuine

    changed = dora.patch(path, {"enabled": False}, format="json").json()
    assert (changed["enabled"], changed["name"]) == (False, "ops")
    assert dora.patch(path, {"url": "http://x/"}, format="json").json()["field"] == "url"
    again_sent = dora.post(f"/api/v1/deliveries/{sent['id']}/redeliver/").json()
    assert again_sent["state"] == "waiting"
    assert dora.post(f"/api/v1/deliveries/{sent['id']}/redeliver/").status_code == 409
    rows = dora.get("/api/v1/deliveries/", {"state": "waiting", "webhook": made.json()["id"]}).json()
    assert rows["count"] == 1

    shown = [dora.get(p).content.decode() for p in (path, "/api/v1/webhooks/", "/api/v1/deliveries/")]
    assert SECRET not in str([made.json(), sent, changed, *shown])
    assert "s3cr3t-path" not in str([made.json(), sent, changed, *shown])
    assert dora.delete(path).status_code == 204
    assert dora.get(path).status_code == 404


@pytest.mark.parametrize("name", ["victor", "bob", "charlie", "eve"])
def test_webhooks_are_for_administrators(name: str, speaking: Speaker) -> None:
    client = speaking(person(name))
    for path in ("/api/v1/webhooks/", "/api/v1/deliveries/", "/api/v1/webhooks/1/"):
        assert client.get(path).status_code == 403


def test_one_s_own_mail_is_chosen_and_what_is_left_out_stays(speaking: Speaker) -> None:
    client = speaking(person("victor"))
    assert client.get("/api/v1/me/notifications/").json() == {
        "to_decide": True, "mine": True, "trouble": False,
    }  # fmt: skip
    answer = client.patch("/api/v1/me/notifications/", {"mine": False}, format="json")
    assert answer.json() == {"to_decide": True, "mine": False, "trouble": False}
    assert client.patch("/api/v1/me/notifications/", {"x": 1}, format="json").status_code == 400
    reader = speaking(person("victor"), "read")
    assert reader.patch("/api/v1/me/notifications/", {"mine": True}, format="json").status_code == 403


def test_a_list_costs_the_same_for_one_and_for_many(speaking: Speaker) -> None:
    client, costs = speaking(person("dora")), []
    for number in range(3):
        Webhook.objects.create(name=f"w{number}", origin="https://x.example", ciphertext="", events=[])
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/api/v1/webhooks/").json()["count"] == number + 1
        costs.append(len(queries))
    assert len(set(costs[1:])) == 1


def test_the_record_is_filtered_by_time_and_exported_in_two_forms(speaking: Speaker) -> None:
    client = speaking(person("charlie"))
    for number in range(3):
        record(actor=None, action="test.write", summary=f"Row {number}")
    asked = {"action": "test.*", "actor": "console"}
    assert client.get("/api/v1/audit/", asked).json()["count"] == 3
    assert client.get("/api/v1/audit/", {**asked, "until": "2020-01-01T00:00:00Z"}).json()["count"] == 0
    assert client.get("/api/v1/audit/", {**asked, "since": "2020-01-01T00:00:00Z"}).json()["count"] == 3
    assert client.get("/api/v1/audit/", {"since": "yesterday"}).json()["field"] == "since"
    lines = client.get("/api/v1/audit/export/", {**asked, "as": "jsonl"}).getvalue().splitlines()
    for row in map(json.loads, lines):
        assert digest(row["prev_hash"], row) == row["hash"]
    assert len(lines) == 3
    assert len(client.get("/api/v1/audit/export/", asked).getvalue().splitlines()) == 4
    assert client.get("/api/v1/audit/export/", {"as": "xml"}).status_code == 400


def test_checkpoints_are_handed_out_as_they_were_signed(speaking: Speaker) -> None:
    record(actor=None, action="test.write", summary="Row")
    made = take()
    assert made is not None
    rows = speaking(person("charlie")).get("/api/v1/audit/checkpoints/").json()["results"]
    assert [one.seq for one in read(json.dumps(rows[0]))] == [made.seq]
