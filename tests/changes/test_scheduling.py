"""Windows and freezes in the life of a change: scheduled, queued when it opens, put off, missed, refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.audit.models import AuditEvent
from apps.changes.actions import expire
from apps.changes.actions.execute import execute
from apps.changes.actions.schedule import open_due
from apps.changes.actions.withdraw import withdraw
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import Verb, detail
from apps.common import clock
from apps.common.errors import WrongStateError
from apps.common.models import OutboxMessage
from apps.pipeline.rollout import apply_change
from meshconsole.settings.queues import SCHEDULE
from tests.factories.policy import in_force
from tests.factories.shop import Shop, decide, fresh

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WORK = {
    "days": ["mon", "tue", "wed", "thu"],
    "opens": "09:00",
    "closes": "17:00",
    "timezone": "UTC",
}
WORKDAYS = {"rules": [{"name": "Work", "approvals": 1, "windows": [WORK]}]}


class Now:
    """The clock, set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = MONDAY
        monkeypatch.setattr(clock, "now", lambda: self.moment)

    def set(self, *, day: int = 0, hour: int = 0, minute: int = 0) -> None:
        self.moment = MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    return Now(monkeypatch)


def frozen(**more: Any) -> dict[str, Any]:
    ends = (MONDAY + timedelta(days=1, hours=10)).isoformat()
    freeze = {"reason": "Sale", "begins": MONDAY.isoformat(), "ends": ends, **more}
    return {"rules": [{"name": "All", "approvals": 1}], "freezes": [freeze]}


def sends() -> int:
    return OutboxMessage.objects.filter(task="pipeline.apply_change").count()


def scheduled(shop: Shop, now: Now, content: dict[str, Any] = WORKDAYS) -> ChangeSet:
    """Approved on Monday at eight."""
    now.set(hour=8)
    in_force(content)
    change = shop.pending()
    decide(shop.sam, change)
    assert fresh(change).state == State.SCHEDULED
    return fresh(change)


def test_an_approval_inside_the_window_queues_at_once(shop: Shop, now: Now) -> None:
    now.set(hour=10)
    in_force(WORKDAYS)
    change = shop.pending()
    decide(shop.sam, change)
    assert fresh(change).state == State.QUEUED


def test_an_approval_outside_schedules_for_the_next_opening_without_any_message(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now)
    assert change.opens_at == MONDAY + timedelta(hours=9)
    assert "Outside the window of rule «Work»" in change.state_message
    assert sends() == 0
    assert open_due() == 0


def test_the_sweep_queues_it_when_the_window_opens_once(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now)
    now.set(hour=9)
    assert open_due() == 1
    assert open_due() == 0
    assert (fresh(change).state, fresh(change).opens_at, sends()) == (State.QUEUED, None, 1)
    assert apply_change(change.pk) == State.VERIFYING
    assert AuditEvent.objects.filter(action="change.open_window", object_id=change.number).count() == 1
    assert SCHEDULE["pipeline.open_windows"] <= 60


def test_an_approval_is_valid_for_a_day_from_the_opening_on(shop: Shop, now: Now) -> None:
    now.set(day=3, hour=20)
    in_force(WORKDAYS)
    change = shop.pending()
    decide(shop.sam, change)
    now.set(day=6, hour=20)
    assert expire.expire_due(now=now.moment) == 0
    now.set(day=8, hour=9)
    assert expire.expire_due(now=now.moment) == 1
    assert fresh(change).state == State.EXPIRED


def test_a_freeze_schedules_behind_its_end_and_says_why(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now, frozen())
    assert change.opens_at == MONDAY + timedelta(days=1, hours=10)
    assert "Frozen until 2026-11-24 10:00 UTC: Sale." in change.state_message


def test_a_freeze_elsewhere_does_not_count(shop: Shop, now: Now) -> None:
    now.set(hour=8)
    in_force(frozen(environment="lab"))
    change = shop.pending()
    decide(shop.sam, change)
    decide(shop.noor, change) if fresh(change).state == State.PENDING else None
    assert fresh(change).state == State.QUEUED


def test_a_freeze_beyond_the_horizon_leaves_it_approved_until_it_expires(shop: Shop, now: Now) -> None:
    now.set(hour=8)
    in_force(frozen(ends=(MONDAY + timedelta(days=60)).isoformat()))
    change = shop.pending()
    decide(shop.sam, change)
    assert fresh(change).state == State.APPROVED
    assert "No opening within 30 days" in fresh(change).state_message
    with pytest.raises(WrongStateError, match="Sale") as caught:
        execute(actor=shop.omar, change=fresh(change))
    assert caught.value.code == "not_open"


def test_nobody_executes_it_by_hand_before_its_window(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now)
    with pytest.raises(WrongStateError, match="Outside the window"):
        execute(actor=shop.omar, change=change)
    now.set(hour=9, minute=1)
    execute(actor=shop.omar, change=fresh(change))
    assert fresh(change).state == State.QUEUED


def test_a_freeze_that_is_put_in_force_meanwhile_puts_it_off(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now)
    in_force(frozen())
    now.set(hour=9)
    assert open_due() == 0
    assert (fresh(change).state, fresh(change).opens_at) == (
        State.SCHEDULED,
        MONDAY + timedelta(days=1, hours=10),
    )
    now.set(day=1, hour=10)
    assert open_due() == 1


def test_a_worker_that_comes_after_the_window_writes_nothing_and_schedules_again(
    shop: Shop, now: Now
) -> None:
    now.set(hour=16, minute=59)
    in_force(WORKDAYS)
    change = shop.pending()
    decide(shop.sam, change)
    now.set(hour=17, minute=30)
    assert apply_change(change.pk) == State.SCHEDULED
    assert fresh(change).opens_at == MONDAY + timedelta(days=1, hours=9)
    assert shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts") is None


def test_a_scheduled_change_is_withdrawn_by_its_author_and_not_queued_any_more(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now)
    withdraw(actor=shop.priya, change=change)
    now.set(hour=9)
    assert open_due() == 0
    assert fresh(change).state == State.WITHDRAWN


def test_the_page_knows_when_it_opens(shop: Shop, now: Now) -> None:
    change = scheduled(shop, now)
    found = detail(shop.omar, change)
    assert found.gate.opens_at == MONDAY + timedelta(hours=9)
    assert found.can[Verb.WITHDRAW] == ""
