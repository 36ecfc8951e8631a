"""A change that is written in waves: what has to be true before each, what stops it, what is left then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.accounts.models import RoleBinding
from apps.changes.actions.cancel import cancel
from apps.changes.actions.execute import execute
from apps.changes.actions.next_wave import next_due, next_wave
from apps.changes.actions.revert import revert
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet, Verification
from apps.changes.waves import OnFailure, Plan
from apps.common import clock
from apps.common.errors import PermissionDeniedError, WrongStateError
from apps.common.models import OutboxMessage
from apps.pipeline import crashpoints
from apps.pipeline.crashpoints import Point
from tests.factories.policy import in_force
from tests.factories.rings import IN_ORDER, Rings, end_pause
from tests.factories.shop import NEW_PATH, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)
SOAKING = Plan(IN_ORDER, soak_minutes=10)


def kinds(change: ChangeSet) -> list[str]:
    return list(change.events.values_list("kind", flat=True))


def test_each_wave_is_confirmed_before_the_next_begins_and_the_last_ends_it(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER))
    assert rings.wave(change) == State.QUEUED, fresh(change).state_message
    assert rings.written() == ["lab"]
    assert rings.wave(change) == State.QUEUED
    assert rings.written() == ["lab", "stage"]
    assert rings.wave(change) == State.APPLIED, fresh(change).state_message
    assert rings.written() == ["lab", "stage", "prod"]
    assert sorted(Verification.objects.get(change=change).detail) == ["lab", "prod", "stage"]
    told = [kind for kind in kinds(change) if kind in {"finish_writes", "pause", "next_wave", "confirm"}]
    assert told == [*["finish_writes", "pause", "next_wave"] * 2, "finish_writes", "confirm"]


def test_the_pause_is_waited_for_by_everybody_and_then_ended_by_the_sweep_once(rings: Rings) -> None:
    change = rings.queued(SOAKING)
    assert rings.wave(change) == State.PAUSED
    opens_at = fresh(change).opens_at
    assert opens_at is not None
    assert timedelta(minutes=9) < opens_at - clock.now() <= timedelta(minutes=10)
    assert next_due() == 0
    with pytest.raises(WrongStateError, match="The pause lasts until"):
        next_wave(actor=rings.omar, change=fresh(change))
    assert rings.write(change) is None, "a message that comes now finds nothing to do"
    end_pause(change)
    OutboxMessage.objects.all().delete()
    assert (next_due(), next_due()) == (1, 0)
    assert [m.task for m in OutboxMessage.objects.all()] == ["pipeline.apply_change"]
    assert rings.wave(change) == State.PAUSED
    assert rings.written() == ["lab", "stage"]


def test_a_plan_that_waits_for_a_person_waits_for_one_who_may_execute(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER, wait=True))
    assert rings.wave(change) == State.PAUSED
    assert next_due() == 0
    assert "hand_needed" in kinds(change)
    with pytest.raises(PermissionDeniedError):
        next_wave(actor=rings.sam, change=fresh(change))
    next_wave(actor=rings.omar, change=fresh(change))
    assert rings.wave(change) == State.PAUSED
    assert rings.written() == ["lab", "stage"]


def test_a_wave_that_diverges_is_followed_by_none_until_it_is_confirmed(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER))
    rings.write(change)
    rings.sims["lab"].ask("PATCH", NEW_PATH, {"spec": {"hosts": ["x.example"]}})
    rings.verify(change)
    assert fresh(change).state == State.DIVERGED
    assert next_due() == 0
    assert rings.written() == ["lab"]
    with pytest.raises(WrongStateError):
        execute(actor=rings.omar, change=fresh(change))


def test_what_could_not_be_verified_is_verified_before_the_next_wave_is_written(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER))
    rings.write(change)
    rings.down.add("lab")
    for _ in range(9):
        rings.verify(change)
    assert fresh(change).state == State.NEEDS_ATTENTION
    rings.down.clear()
    execute(actor=rings.omar, change=fresh(change))
    assert rings.write(change) == State.VERIFYING
    assert rings.written() == ["lab"]


def test_the_first_failure_stops_its_wave_and_everything_after_it(rings: Rings) -> None:
    change = rings.queued(Plan((("lab",), ("prod", "stage"))))
    rings.wave(change)
    rings.forestall("prod")
    assert rings.write(change) == State.PARTIALLY_APPLIED
    assert {i.cluster.name: i.result for i in items(change)} == {
        "lab": "applied",
        "prod": "failed",
        "stage": "waiting",
    }
    assert "1 of 3 objects is written" in fresh(change).state_message
    rings.clear("prod")
    execute(actor=rings.omar, change=fresh(change))
    assert rings.wave(change) == State.APPLIED, fresh(change).state_message


def test_a_plan_may_let_the_rest_of_a_wave_finish_and_still_begins_no_other(rings: Rings) -> None:
    plan = Plan((("lab", "stage"), ("prod",)), on_failure=OnFailure.FINISH_WAVE)
    change = rings.queued(plan)
    rings.forestall("lab")
    assert rings.write(change) == State.PARTIALLY_APPLIED
    assert [i.result for i in items(change)] == ["failed", "waiting", "applied"]
    assert "lab" in fresh(change).state_message
    assert rings.live("prod") is None


def test_a_cluster_without_an_answer_holds_neither_the_lease_nor_the_rest_of_its_wave(rings: Rings) -> None:
    change = rings.queued(Plan((("lab", "stage"), ("prod",)), on_failure=OnFailure.FINISH_WAVE))
    rings.down.add("lab")
    assert rings.write(change) == State.QUEUED
    assert rings.written() == ["stage"]
    rings.down.clear()
    assert rings.wave(change) == State.QUEUED
    assert rings.written() == ["lab", "stage"]
    assert [kinds(change).count(kind) for kind in ("requeue", "item_applied")] == [1, 2]


def test_a_cluster_that_never_answers_ends_with_people(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER))
    rings.wave(change)
    rings.down.add("stage")
    for _ in range(8):
        rings.write(change)
    assert fresh(change).state == State.NEEDS_ATTENTION
    assert rings.written() == ["lab"]


def test_windows_and_freezes_count_again_at_each_wave_and_only_those_of_its_clusters(rings: Rings) -> None:
    begins, ends = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=2)
    freeze = {"reason": "Sale", "begins": begins.isoformat(), "ends": ends.isoformat(), "cluster": "stage"}
    in_force({"freezes": [freeze]})
    change = rings.queued(SOAKING)
    assert rings.wave(change) == State.PAUSED, "the freeze of another cluster does not hold this wave"
    end_pause(change)
    assert next_due() == 0
    held = fresh(change)
    assert held.opens_at == ends
    assert "Frozen until" in held.state_message
    assert held.expires_at is not None
    assert held.expires_at > ends
    with pytest.raises(WrongStateError, match="pause lasts"):
        next_wave(actor=rings.omar, change=held)


def test_a_freeze_that_comes_while_a_wave_is_queued_pauses_it_again(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER))
    assert rings.wave(change) == State.QUEUED
    begins, ends = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=2)
    in_force({"freezes": [{"reason": "Sale", "begins": begins.isoformat(), "ends": ends.isoformat()}]})
    assert rings.write(change) == State.PAUSED
    assert rings.written() == ["lab"]
    assert fresh(change).opens_at == ends


def test_approvals_count_again_at_each_wave(rings: Rings) -> None:
    change = rings.queued(SOAKING)
    rings.wave(change)
    RoleBinding.objects.filter(user=rings.sam).delete()
    end_pause(change)
    assert next_due() == 0
    stopped = fresh(change)
    assert stopped.state == State.PARTIALLY_APPLIED
    assert "no longer suffice" in stopped.state_message
    with pytest.raises(WrongStateError, match="no longer suffice"):
        execute(actor=rings.omar, change=stopped)
    assert rings.written() == ["lab"]


def test_a_wave_that_nobody_continues_in_time_is_stopped_and_cannot_be_resumed(rings: Rings) -> None:
    change = rings.queued(Plan(IN_ORDER, wait=True))
    rings.wave(change)
    ChangeSet.objects.filter(pk=change.pk).update(expires_at=clock.now())
    assert next_due() == 0
    assert fresh(change).state == State.PARTIALLY_APPLIED
    with pytest.raises(WrongStateError, match="expired"):
        execute(actor=rings.omar, change=fresh(change))


def test_the_end_of_an_opening_stops_the_waves(rings: Rings) -> None:
    change = rings.queued(SOAKING)
    rings.wave(change)
    ChangeSet.objects.filter(pk=change.pk).update(ends_at=clock.now())
    next_due()
    assert fresh(change).state == State.PARTIALLY_APPLIED


def test_stop_here_leaves_what_is_written_and_keeps_the_pause_for_a_resume(rings: Rings) -> None:
    change = rings.queued(SOAKING)
    rings.wave(change)
    cancel(actor=rings.priya, change=fresh(change))
    assert fresh(change).state == State.PARTIALLY_APPLIED
    with pytest.raises(WrongStateError, match="pause lasts"):
        execute(actor=rings.omar, change=fresh(change))
    ChangeSet.objects.filter(pk=change.pk).update(opens_at=clock.now())
    execute(actor=rings.omar, change=fresh(change))
    assert rings.wave(change) == State.PAUSED
    assert rings.written() == ["lab", "stage"]


def test_a_cancel_during_the_last_object_of_a_wave_begins_no_other(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = rings.queued(Plan(IN_ORDER))

    def reached(point: Point) -> None:
        if point is Point.AFTER_RECORD:
            cancel(actor=rings.priya, change=fresh(change))

    with monkeypatch.context() as patched:
        patched.setattr(crashpoints, "reached", reached)
        assert rings.write(change) == State.VERIFYING
    rings.verify(change)
    assert fresh(change).state == State.PARTIALLY_APPLIED
    assert "Canceled before the next wave" in fresh(change).state_message
    assert next_due() == 0


def test_a_worker_that_dies_between_two_waves_loses_and_repeats_nothing(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = rings.queued(Plan(IN_ORDER))
    rings.wave(change)

    class Killed(BaseException):
        pass

    def dies(_: Point) -> None:
        raise Killed

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(crashpoints, "reached", dies)
            with pytest.raises(Killed):
                rings.write(change)
    assert rings.wave(change) == State.QUEUED
    assert rings.wave(change) == State.APPLIED
    assert [rings.live(name)["metadata"]["generation"] for name in rings.sims] == [1, 1, 1]


def test_a_revert_puts_back_what_was_written_the_last_wave_first(rings: Rings) -> None:
    change = rings.queued(SOAKING)
    rings.wave(change)
    end_pause(change)
    next_due()
    rings.wave(change)
    cancel(actor=rings.priya, change=fresh(change))
    back = revert(actor=rings.priya, change=fresh(change))
    assert back.revisions.get().waves == Plan((("stage",), ("lab",)))
    back = rings.approved(rings.submitted(back))
    assert rings.wave(back) == State.QUEUED, fresh(back).state_message
    assert rings.written() == ["lab"]
    assert rings.wave(back) == State.APPLIED
    assert rings.written() == []
