"""Time-boxed openings: the end is approved with the change, and what was opened is put back in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from apps.accounts.models import RoleBinding
from apps.changes.actions.edit import edit
from apps.changes.actions.end import end_due
from apps.changes.actions.expire import expire_due
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.revert import revert
from apps.changes.actions.submit import submit
from apps.changes.actions.time_box import time_box
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from meshconsole.settings.queues import SCHEDULE
from tests.factories.policy import in_force
from tests.factories.shop import NEW_ENTRY, Shop, fresh

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def boxed(shop: Shop, *, auto: bool) -> ChangeSet:
    """An applied opening that ends in a day."""
    change = time_box(actor=shop.priya, change=shop.proposed(), ends_at=clock.now() + DAY, auto_revert=auto)
    change = shop.approved(shop.submitted(change))
    assert apply_change(change.pk) == State.VERIFYING
    assert verify_change(change.pk) == State.APPLIED
    return fresh(change)


def is_open(shop: Shop) -> bool:
    return shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts") is not None


def test_nothing_ends_before_its_time(shop: Shop) -> None:
    boxed(shop, auto=True)
    assert end_due() == 0
    assert SCHEDULE["pipeline.end_openings"] <= 60


def test_a_revert_that_was_approved_with_it_runs_by_itself(shop: Shop) -> None:
    change = boxed(shop, auto=True)
    with time_machine.travel(clock.now() + DAY + timedelta(minutes=1), tick=True):
        assert end_due() == 1
        closing = fresh(change).ending
        assert (closing.parent, closing.author, closing.kind) == (change, shop.priya, "revert")
        assert validate(change_id=closing.pk) == State.QUEUED
        assert "Approved beforehand" in closing.events.get(kind="reach_quorum").text
        assert apply_change(closing.pk) == State.VERIFYING
        assert not is_open(shop)
        assert end_due() == 0


def test_a_freeze_does_not_keep_open_what_was_approved_to_end(shop: Shop) -> None:
    change = boxed(shop, auto=True)
    freeze = {"reason": "Sale", "begins": "2020-01-01T00:00:00Z", "ends": "2099-01-01T00:00:00Z"}
    in_force({"freezes": [freeze]})
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        end_due()
        assert validate(change_id=fresh(change).ending.pk) == State.QUEUED


def test_without_that_the_revert_waits_for_approval(shop: Shop) -> None:
    change = boxed(shop, auto=False)
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        assert end_due() == 1
        closing = fresh(change).ending
        assert validate(change_id=closing.pk) == State.PENDING
        assert is_open(shop)


def test_the_revert_of_what_has_ended_does_not_expire(shop: Shop) -> None:
    change = boxed(shop, auto=False)
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        end_due()
        assert validate(change_id=fresh(change).ending.pk) == State.PENDING
    assert expire_due(now=clock.now() + 90 * DAY) == 0
    assert fresh(change).ending.state == State.PENDING


def test_an_edit_of_that_revert_needs_approval_like_any_other(shop: Shop) -> None:
    change = boxed(shop, auto=True)
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        end_due()
        closing = fresh(change).ending
        assert validate(change_id=closing.pk) == State.QUEUED
        ChangeSet.objects.filter(pk=closing.pk).update(state=State.PENDING)
        text = NEW_ENTRY.replace("    - sts.amazonaws.com\n", "")
        edit(
            actor=shop.priya, change=fresh(closing), patches={shop.cluster: patches_from(text, shop.cluster)}
        )
        submit(actor=shop.priya, change=fresh(closing))
        assert validate(change_id=closing.pk) == State.PENDING


def test_the_end_does_not_depend_on_the_author_s_rights_by_then(shop: Shop) -> None:
    change = boxed(shop, auto=True)
    RoleBinding.objects.filter(user=shop.priya).delete()
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        end_due()
        assert validate(change_id=fresh(change).ending.pk) == State.QUEUED


def test_what_was_put_back_before_is_only_noted(shop: Shop) -> None:
    change = boxed(shop, auto=True)
    back = shop.approved(shop.submitted(revert(actor=shop.priya, change=change)))
    assert apply_change(back.pk) == State.VERIFYING
    shop.refresh()
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        assert end_due() == 0
        assert end_due() == 0
    assert fresh(change).events.filter(kind="ended").count() == 1


def test_a_draft_that_was_left_behind_by_a_crash_is_sent_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = boxed(shop, auto=True)
    with time_machine.travel(clock.now() + 2 * DAY, tick=True):
        with monkeypatch.context() as patched:
            patched.setattr("apps.changes.actions.end._submit", lambda change: None)
            assert end_due() == 1
        assert fresh(change).ending.state == State.DRAFT
        assert end_due() == 0
        assert fresh(change).ending.state == State.VALIDATING


def test_the_end_is_part_of_what_is_approved_and_cannot_be_moved_after_that(shop: Shop) -> None:
    plain, ending = shop.pending(), shop.proposed(title="Another")
    time_box(actor=shop.priya, change=ending, ends_at=clock.now() + DAY)
    ending = shop.submitted(fresh(ending))
    assert current_revision(plain).digest != current_revision(ending).digest
    with pytest.raises(WrongStateError):
        time_box(actor=shop.priya, change=ending, ends_at=None)
    ChangeSet.objects.filter(pk=ending.pk).update(ends_at=clock.now() + 9 * DAY)
    ending = shop.approved(fresh(ending))
    assert apply_change(ending.pk) == State.NEEDS_ATTENTION


def test_an_end_lies_ahead_and_is_set_by_those_with_a_hand_in_it(shop: Shop) -> None:
    change = shop.proposed()
    for wrong in (clock.now() - DAY, clock.now() + 400 * DAY):
        with pytest.raises(InvalidInputError):
            time_box(actor=shop.priya, change=change, ends_at=wrong)
    with pytest.raises(InvalidInputError):
        time_box(actor=shop.priya, change=change, ends_at=None, auto_revert=True)
    with pytest.raises(PermissionDeniedError):
        time_box(actor=shop.sam, change=change, ends_at=clock.now() + DAY)


def test_what_would_have_ended_already_is_neither_submitted_nor_applied(shop: Shop) -> None:
    soon = clock.now() + timedelta(hours=1)
    draft = time_box(actor=shop.priya, change=shop.proposed(), ends_at=soon)
    queued = time_box(actor=shop.priya, change=shop.proposed(title="Another"), ends_at=soon)
    queued = shop.approved(shop.submitted(queued))
    with time_machine.travel(soon + timedelta(minutes=1), tick=True):
        with pytest.raises(WrongStateError, match="ended already"):
            submit(actor=shop.priya, change=draft)
        assert apply_change(queued.pk) == State.STALE
    assert not is_open(shop)
