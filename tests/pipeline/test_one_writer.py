"""Two changes with an object in common are never applied at the same time; others are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection

from apps.changes import dryrun, transitions
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.common import clock
from apps.pipeline.recover import recover_stuck
from apps.pipeline.rollout import apply_change
from tests.factories.shop import NEW_ENTRY, Shop, fresh

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = NEW_ENTRY.replace("speedscale-sts", "speedscale-sqs").replace("sts.", "sqs.")


def applied(change: ChangeSet) -> State | None:
    return apply_change(change.pk, sleep=lambda _: None)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[object]:
    """Does something once while the next change is being written; what came of it."""
    seen: list[object] = []
    real = dryrun.attempt

    def attempt(*args: Any) -> Any:
        if not seen:
            seen.append("")
            seen[0] = act()
        return real(*args)

    monkeypatch.setattr(dryrun, "attempt", attempt)
    return seen


def test_a_change_waits_for_the_one_that_writes_the_same_object(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shop.queued(), shop.queued()
    seen = meanwhile(monkeypatch, lambda: applied(second))
    assert applied(first) == State.VERIFYING
    assert seen == [None]
    assert fresh(second).state == State.QUEUED
    assert fresh(second).state_message == (
        f"It waits until {first.number}, which writes the same object, is through."
    )
    assert recover_stuck().sent == 2, "one to be verified, one to be applied"
    assert applied(second) == State.STALE
    live = shop.live("ServiceEntry", "speedscale", "speedscale-sts")
    assert live["metadata"]["generation"] == 1


def test_changes_without_an_object_in_common_do_not_wait(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = shop.queued(), shop.queued(OTHER)
    seen = meanwhile(monkeypatch, lambda: applied(second))
    assert applied(first) == State.VERIFYING
    assert seen == [State.VERIFYING]


def test_of_two_claims_at_the_same_moment_one_wins(shop: Shop) -> None:
    changes = [shop.queued() for _ in range(4)]
    together = Barrier(len(changes))

    def claim(change: ChangeSet) -> bool:
        together.wait()
        try:
            while True:
                with suppress(OperationalError):  # SQLite in shared memory does not wait for a lock
                    return transitions.claim(change.pk, lease_until=clock.now()) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(len(changes)) as pool:
        assert sorted(pool.map(claim, changes)) == [False, False, False, True]


def test_a_worker_that_takes_over_does_not_wait_for_itself(shop: Shop) -> None:
    change = shop.queued()
    assert transitions.claim(change.pk, lease_until=clock.now()) is not None
    assert applied(change) == State.VERIFYING
