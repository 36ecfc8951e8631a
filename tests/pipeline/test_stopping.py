"""A cancel that comes while something is under way: what was begun is settled before anything is said."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.actions import grant_role
from apps.accounts.models import Role
from apps.changes.actions.cancel import cancel
from apps.changes.actions.execute import execute
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.pipeline import crashpoints
from apps.pipeline.crashpoints import Point
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from apps.simcluster.faults import Fault, FaultKind, Match
from tests.factories.shop import NEW_ENTRY, NEW_PATH, SIDECAR, Shop, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """A worker that dies."""


def applied(change: ChangeSet) -> State | None:
    return apply_change(change.pk, sleep=lambda _: None)


def dies(monkeypatch: pytest.MonkeyPatch, change: ChangeSet, point: Point) -> None:
    """A worker begins and dies at the point; its lease ends."""

    def reached(now: Point) -> None:
        if now is point:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(crashpoints, "reached", reached)
        with pytest.raises(Killed):
            applied(change)
    ChangeSet.objects.filter(pk=change.pk).update(lease_until=None)


def entry(shop: Shop) -> Any:
    return shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts")


@pytest.mark.parametrize("point", [Point.AFTER_INTENT, Point.AFTER_WRITE])
def test_an_object_whose_write_was_begun_is_finished_before_a_cancel_counts(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, point: Point
) -> None:
    change = shop.queued()
    dies(monkeypatch, change, point)
    cancel(actor=shop.priya, change=fresh(change))
    assert applied(change) == State.VERIFYING, fresh(change).state_message
    assert entry(shop)["metadata"]["generation"] == 1


def test_a_cancel_of_what_waits_to_be_tried_again_is_left_to_the_worker(shop: Shop) -> None:
    change = shop.queued(f"{NEW_ENTRY}---\n{SIDECAR}", take_over=True)
    away = Match(verb="apply", resource="sidecars", dry_run=False)
    shop.sim.faults.add(Fault(FaultKind.RESET, away, times=99))
    assert applied(change) == State.QUEUED
    cancel(actor=shop.priya, change=fresh(change))
    assert fresh(change).state == State.QUEUED
    shop.sim.faults.clear()
    ChangeSet.objects.filter(pk=change.pk).update(lease_until=None)
    applied(change)
    assert fresh(change).state == State.VERIFYING, "the second object was begun as well, so it was finished"


def test_a_resumed_change_that_is_canceled_in_the_queue_says_what_is_written(shop: Shop) -> None:
    change = shop.queued(f"{NEW_ENTRY}---\n{SIDECAR}", take_over=True)
    refused = Match(verb="apply", resource="sidecars", dry_run=False)
    shop.sim.faults.add(Fault(FaultKind.STATUS, refused, status=403, times=1))
    assert applied(change) == State.PARTIALLY_APPLIED
    grant_role(actor=None, role=Role.OPERATOR, user=shop.omar)
    execute(actor=shop.omar, change=fresh(change))
    cancel(actor=shop.priya, change=fresh(change))
    assert applied(change) == State.PARTIALLY_APPLIED
    assert "1 of 2 objects is written" in fresh(change).state_message
    assert [item.result for item in items(change)] == ["applied", "failed"]


def test_what_was_written_and_then_changed_by_others_is_not_called_unwritten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued()
    dies(monkeypatch, change, Point.AFTER_WRITE)
    shop.rogue("PATCH", NEW_PATH, {"spec": {"hosts": ["sts.amazonaws.com"]}})
    assert applied(change) == State.VERIFYING
    assert "Others have changed it since" in items(change)[0].result_message
    assert verify_change(change.pk) == State.DIVERGED
    assert entry(shop)["spec"]["hosts"] == ["sts.amazonaws.com"]
