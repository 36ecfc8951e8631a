"""The outbox: messages leave with their transaction, at least once, and never break a request."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction

from apps.common import outbox
from apps.common.clock import now
from apps.common.models import OutboxMessage
from apps.pipeline.dispatch import QUIET_SECONDS, Dispatcher, forget_published
from tests.factories.clusters import TOKEN

Sent = list[tuple[str, dict[str, int | str]]]


def failing(_task: str, _arguments: dict[str, int | str]) -> None:
    raise ConnectionError("no broker")


@pytest.mark.django_db
def test_what_waits_is_sent_once_oldest_first() -> None:
    sent: Sent = []
    for number in (1, 2):
        OutboxMessage.objects.create(task="pipeline.x", arguments={"id": number})
    dispatcher = Dispatcher(lambda task, arguments: sent.append((task, arguments)))
    assert dispatcher.publish_pending() == 2
    assert dispatcher.publish_pending() == 0
    assert sent == [("pipeline.x", {"id": 1}), ("pipeline.x", {"id": 2})]


@pytest.mark.django_db
def test_a_broker_that_is_down_leaves_the_message_for_later() -> None:
    OutboxMessage.objects.create(task="pipeline.x", arguments={"id": 1})
    assert Dispatcher(failing).publish_pending() == 0
    assert OutboxMessage.objects.get().published_at is None
    sent: Sent = []
    assert Dispatcher(lambda task, arguments: sent.append((task, arguments))).publish_pending() == 1


@pytest.mark.django_db
def test_a_broker_that_just_failed_is_left_alone_for_a_moment() -> None:
    attempts: list[str] = []

    def failing_once(task: str, _arguments: dict[str, int | str]) -> None:
        attempts.append(task)
        raise ConnectionError

    OutboxMessage.objects.create(task="pipeline.x", arguments={"id": 1})
    dispatcher = Dispatcher(failing_once)
    for _ in range(3):
        dispatcher.publish_pending()
    assert len(attempts) == 1
    dispatcher.publish_pending(patient=True)
    assert len(attempts) == 2
    assert QUIET_SECONDS < 10


@pytest.mark.django_db(transaction=True)
def test_a_message_leaves_when_its_transaction_commits_and_not_when_it_is_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: Sent = []
    dispatcher = Dispatcher(lambda task, arguments: sent.append((task, arguments)))
    monkeypatch.setattr(outbox, "_carriers", [dispatcher.publish_pending])
    with transaction.atomic():
        outbox.enqueue("pipeline.x", id=1)
        assert sent == []
    assert len(sent) == 1
    with transaction.atomic():
        outbox.enqueue("pipeline.x", id=2)
        transaction.set_rollback(True)
    assert len(sent) == 1


@pytest.mark.django_db
def test_published_messages_are_forgotten_after_a_while() -> None:
    OutboxMessage.objects.create(task="pipeline.x", published_at=now())
    assert forget_published() == 0
    with time_machine.travel(now() + timedelta(days=1)):
        assert forget_published() == 1


@pytest.mark.django_db
def test_messages_hold_ids_and_no_secrets() -> None:
    outbox.enqueue("pipeline.refresh_cluster", run_id=1)
    assert TOKEN not in json.dumps(list(OutboxMessage.objects.values("task", "arguments")))
