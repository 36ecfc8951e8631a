"""From a step of a change to what arrives: once each, signed, retried, never in the way."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.changes.lifecycle import TRANSITIONS
from apps.changes.models import ChangeEvent
from apps.common.clock import now
from apps.notifications import deliver, policy_steps, spread, timeline
from apps.notifications.actions import redeliver
from apps.notifications.events import TOLD, Event, state_after
from apps.notifications.models import Cursor, Delivery, Notification, Webhook
from apps.notifications.notify import notify
from apps.notifications.sweep import KEEP, forget_old, sweep
from tests.factories.policy import in_force
from tests.factories.shop import Shop, fresh
from tests.notifications.conftest import SECRET
from tests.notifications.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def told(receiver: Receiver) -> list[str]:
    return [one.document["event"] for one in receiver.got]


def swept() -> None:
    assert sweep() is not None


def test_a_change_s_way_is_told_step_by_step_and_each_step_once(
    shop: Shop, webhook: Webhook, receiver: Receiver
) -> None:
    change = shop.pending()
    for _ in range(3):
        swept()
    assert told(receiver) == ["submitted"]
    shop.approved(change)
    swept()
    swept()
    assert told(receiver) == ["submitted", "approved"]
    first, second = receiver.got
    assert first.genuine
    assert second.genuine
    assert first.headers["X-Meshconsole-Event"] == "submitted"
    assert first.headers["X-Meshconsole-Delivery"] != second.headers["X-Meshconsole-Delivery"]
    assert second.document == {
        "version": 1,
        "id": second.document["id"],
        "event": "approved",
        "at": second.document["at"],
        "summary": f"{change.number} is approved: Open the token service",
        "actor": "console",
        "change": {
            "id": change.pk,
            "number": change.number,
            "kind": "change",
            "title": "Open the token service",
            "state": "approved",
            "risk": second.document["change"]["risk"],
            "url": f"https://console.example/changes/{change.pk}/",
            "author": "Priya",
            "clusters": ["shop"],
            "environments": ["production"],
        },
        "extra": {},
    }
    assert second.document["change"]["risk"] in {"low", "medium", "high"}


def test_no_content_of_a_manifest_is_told(shop: Shop, webhook: Webhook, receiver: Receiver) -> None:
    shop.pending()
    swept()
    assert b"amazonaws" not in receiver.got[0].body


def test_two_sweeps_at_once_tell_everything_once(shop: Shop, webhook: Webhook, receiver: Receiver) -> None:
    shop.pending()
    Cursor.objects.update_or_create(pk=1, defaults={"busy_until": now() + timedelta(minutes=1)})
    assert sweep() is None
    with time_machine.travel(now() + timedelta(minutes=2)):
        assert timeline.collect() == 1
        assert timeline.collect() == 0
        assert spread.spread_waiting() == 1
        assert spread.spread_waiting() == 0
    assert Delivery.objects.count() == 1


def test_a_step_that_becomes_visible_late_is_still_told(shop: Shop, webhook: Webhook) -> None:
    """Another transaction took a lower number and ended later."""
    change = shop.pending()
    swept()
    hidden = ChangeEvent.objects.filter(change=change).order_by("pk").first()
    assert hidden is not None
    assert Cursor.objects.get(pk=1).after < hidden.pk, "nothing young is behind the cursor"
    ChangeEvent.objects.filter(pk=hidden.pk).update(kind="reject")
    swept()
    assert Notification.objects.filter(event="rejected").count() == 1


def test_the_cursor_moves_past_what_is_settled(shop: Shop) -> None:
    shop.pending()
    with time_machine.travel(now() + timedelta(hours=1)):
        swept()
    assert (
        Cursor.objects.get(pk=1).after == ChangeEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    )


def test_a_receiver_that_fails_is_tried_again_and_gets_the_very_same_delivery(
    shop: Shop, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answers = [500, 503]
    shop.pending()
    swept()
    swept()
    assert len(receiver.got) == 1, "not before its pause is over"
    for minutes in (2, 6):
        with time_machine.travel(now() + timedelta(minutes=minutes)):
            deliver.deliver_due()
    ids = {one.headers["X-Meshconsole-Delivery"] for one in receiver.got}
    assert (len(receiver.got), len(ids)) == (3, 1)
    assert len({one.body for one in receiver.got}) == 1
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.status) == ("sent", 3, 204)


def test_after_the_last_try_it_is_given_up_shown_and_can_be_sent_again(
    shop: Shop, webhook: Webhook, receiver: Receiver, dora: User
) -> None:
    receiver.answers = [500] * deliver.MAX_ATTEMPTS
    shop.pending()
    swept()
    for hours in range(1, 20):
        with time_machine.travel(now() + timedelta(hours=3 * hours)):
            deliver.deliver_due()
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.status, row.said) == ("dead", 8, 500, "thank you")
    assert len(receiver.got) == deliver.MAX_ATTEMPTS
    redeliver(actor=dora, delivery=row)
    deliver.deliver_due()
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("sent", 1)
    assert AuditEvent.objects.filter(action="delivery.redeliver").count() == 1


def test_pauses_grow_to_their_limit_and_differ() -> None:
    assert timedelta(seconds=30) <= deliver.pause(1) <= timedelta(seconds=38)
    assert timedelta(seconds=240) <= deliver.pause(4) <= timedelta(seconds=300)
    assert timedelta(hours=2) <= deliver.pause(50) <= timedelta(hours=2.5)
    assert len({deliver.pause(3) for _ in range(20)}) > 1


def test_a_channel_that_is_down_holds_up_neither_changes_nor_other_channels(
    shop: Shop, webhook: Webhook, receiver: Receiver
) -> None:
    gone = Webhook.objects.create(
        name="gone", origin="https://gone.invalid", ciphertext="broken", events=webhook.events
    )
    change = shop.approved(shop.pending())
    assert change.state == "queued"
    swept()
    assert told(receiver) == ["submitted", "approved"]
    tries = Delivery.objects.filter(webhook=gone).values_list("attempts", flat=True)
    assert sorted(tries) == [0, 1], "left alone for the rest of the round"


def test_a_long_queue_of_a_dead_channel_does_not_starve_the_others(
    webhook: Webhook, receiver: Receiver
) -> None:
    gone = Webhook.objects.create(
        name="gone", origin="x", ciphertext="broken", events=["policy"], enabled=False
    )
    for _ in range(deliver.AT_ONCE + 5):
        long_ago = now() - timedelta(days=1)
        Delivery.objects.create(
            notification=notify(Event.POLICY), webhook=gone, created_at=long_ago, next_at=long_ago
        )
    Notification.objects.update(spread_at=now())
    notify(Event.POLICY)
    swept()
    assert told(receiver) == ["policy"]


def test_an_attempt_that_was_overtaken_writes_no_result(webhook: Webhook, receiver: Receiver) -> None:
    notify(Event.POLICY)
    spread.spread_waiting()
    row = Delivery.objects.get()
    Delivery.objects.update(attempts=4)
    assert deliver.attempt(row) is None
    assert receiver.got == []


def test_a_webhook_gets_only_its_events_of_its_environments(
    shop: Shop, webhook: Webhook, receiver: Receiver
) -> None:
    Webhook.objects.update(environments=["staging"])
    shop.pending()
    swept()
    assert receiver.got == []
    Webhook.objects.update(environments=["production"], events=["approved"])
    shop.approved(fresh(Notification.objects.get().change))  # type: ignore[arg-type]
    swept()
    assert told(receiver) == ["approved"]


def test_a_disabled_webhook_gets_nothing(shop: Shop, webhook: Webhook, receiver: Receiver) -> None:
    Webhook.objects.update(enabled=False)
    shop.pending()
    swept()
    assert Delivery.objects.count() == 0


def test_what_is_rolled_back_is_not_told(db: None) -> None:
    with transaction.atomic():
        notify(Event.POLICY)
        transaction.set_rollback(True)
    assert Notification.objects.count() == 0


def test_slack_gets_a_text_without_markup_of_ours(shop: Shop, webhook: Webhook, receiver: Receiver) -> None:
    Webhook.objects.update(format="slack")
    change = shop.pending(title="<!channel> & *all*")
    swept()
    text = receiver.got[0].document["text"]
    assert "&lt;!channel&gt; &amp;" in text
    assert f"<https://console.example/changes/{change.pk}/|{change.number}>" in text
    assert receiver.got[0].genuine


def test_the_secrets_are_nowhere(shop: Shop, webhook: Webhook, receiver: Receiver) -> None:
    receiver.answers, receiver.says = [400], SECRET.encode()
    shop.pending()
    swept()
    kept: list[Any] = [
        list(model.objects.values()) for model in (Webhook, Delivery, Notification, AuditEvent)
    ]
    text = json.dumps(kept, default=str)
    assert SECRET not in text
    assert "s3cr3t-path" not in text
    assert Delivery.objects.get().said == "[removed]"


def test_old_notifications_are_forgotten_and_what_waits_is_not(webhook: Webhook, receiver: Receiver) -> None:
    receiver.answers = [204, 500]
    for _ in range(2):
        notify(Event.POLICY)
    swept()
    with time_machine.travel(now() + KEEP + timedelta(days=1)):
        assert forget_old() == 1
    assert [one.state for one in Delivery.objects.all()] == ["waiting"]


def test_a_version_of_the_policy_is_told_when_it_is_proposed_and_when_it_is_decided_on_once_each(
    webhook: Webhook, receiver: Receiver
) -> None:
    version = in_force({"rules": [{"name": "Everywhere", "approvals": 2}]})
    for _ in range(2):
        swept()
    assert [one.document["extra"] for one in receiver.got] == [
        {"version": version.number, "step": step, "based_on": 1} for step in ("proposed", "approved")
    ]
    assert receiver.got[1].document["summary"] == "Version 2 of the approval policy was approved"
    assert [one.document["actor"] for one in receiver.got] == [
        who.display_name for who in (version.author, version.decided_by) if who is not None
    ]


def test_a_version_that_is_long_decided_is_not_told_when_somebody_begins_to_listen(webhook: Webhook) -> None:
    in_force({"rules": [{"name": "Everywhere", "approvals": 2}]})
    with time_machine.travel(now() + timedelta(days=8)):
        assert policy_steps.collect() == 0


def test_every_step_that_is_told_leads_somewhere() -> None:
    known = {event.value for _, event in TRANSITIONS}
    several = {"break_glass"}
    assert [step for step in TOLD if step in known - several and not state_after(step)] == []
