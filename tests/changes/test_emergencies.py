"""Breaking the glass: who may, what it changes, what it never skips, and the review that follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from apps.accounts import reauthentication
from apps.accounts.actions import grant_role
from apps.accounts.models import Role, User
from apps.accounts.reauthentication import Confirmation
from apps.audit.models import AuditEvent, Outcome
from apps.changes.actions.break_glass import break_glass
from apps.changes.actions.review import review
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.approvals import standing
from apps.changes.intents import unstamped
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import Box, Verb, current_revision, detail, inbox, waiting_count
from apps.common import clock
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.factories.policy import in_force
from tests.factories.shop import ENTRIES, PASSWORD, Shop, decide, fresh, person

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = {"days": ["mon"], "opens": "03:00", "closes": "03:01", "timezone": "UTC"}


def confirmed(user: User) -> Confirmation:
    return Confirmation(user.pk, clock.now())


def declared(shop: Shop, change: ChangeSet, who: User | None = None) -> ChangeSet:
    actor = who or shop.omar
    break_glass(actor=actor, change=change, reason="Payments are down.", confirmation=confirmed(actor))
    return fresh(change)


def finished(shop: Shop) -> ChangeSet:
    change = declared(shop, shop.pending())
    decide(shop.sam, change)
    assert apply_change(change.pk) == State.VERIFYING
    assert verify_change(change.pk) == State.REVIEW_DUE
    return fresh(change)


def test_an_emergency_takes_one_approval_of_somebody_else_even_in_production(shop: Shop) -> None:
    change = declared(shop, shop.pending())
    assert standing(change, current_revision(change)).required == 1
    decide(shop.sam, change)
    assert fresh(change).state == State.QUEUED
    assert apply_change(change.pk) == State.VERIFYING


def test_approvals_that_were_not_given_to_an_emergency_do_not_count_for_it(shop: Shop) -> None:
    change = shop.pending()
    decide(shop.sam, change)
    before = current_revision(change).digest
    change = declared(shop, fresh(change))
    assert current_revision(change).digest != before
    assert change.state == State.PENDING
    decide(shop.sam, change)
    assert fresh(change).state == State.QUEUED


def test_an_emergency_does_not_wait_for_windows_or_freezes(shop: Shop) -> None:
    freeze = {"reason": "Sale", "begins": "2020-01-01T00:00:00Z", "ends": "2099-01-01T00:00:00Z"}
    in_force({"rules": [{"name": "Night", "approvals": 2, "windows": [NEVER]}], "freezes": [freeze]})
    change = declared(shop, shop.pending())
    decide(shop.sam, change)
    assert fresh(change).state == State.QUEUED
    assert apply_change(change.pk) == State.VERIFYING


def test_whoever_declared_it_can_never_approve_it(shop: Shop) -> None:
    grant_role(actor=None, role=Role.APPROVER, user=shop.omar)
    change = declared(shop, shop.pending())
    with pytest.raises(PermissionDeniedError, match="declared the emergency") as caught:
        decide(shop.omar, change)
    assert caught.value.code == "self_approval"
    assert shop.omar not in standing(change, current_revision(change)).eligible
    assert waiting_count(User.objects.get(pk=shop.omar.pk)) == 0


def test_the_author_cannot_approve_the_emergency_either(shop: Shop) -> None:
    grant_role(actor=None, role=Role.APPROVER, user=shop.priya)
    change = declared(shop, shop.pending())
    with pytest.raises(PermissionDeniedError) as caught:
        decide(shop.priya, change)
    assert caught.value.code == "self_approval"


@pytest.mark.parametrize("who", ["priya", "sam", "dev"])
def test_it_takes_the_permission(shop: Shop, who: str) -> None:
    change = shop.pending()
    with pytest.raises(PermissionDeniedError):
        declared(shop, change, getattr(shop, who))
    assert fresh(change).emergency_by is None


def test_it_takes_a_reason_and_a_fresh_confirmation_of_oneself(shop: Shop) -> None:
    change = shop.pending()
    with pytest.raises(InvalidInputError):
        break_glass(actor=shop.omar, change=change, reason=" ", confirmation=confirmed(shop.omar))
    old = Confirmation(shop.omar.pk, clock.now() - timedelta(minutes=6))
    for wrong in (confirmed(shop.sam), old):
        with pytest.raises(PermissionDeniedError) as caught:
            break_glass(actor=shop.omar, change=change, reason="Down.", confirmation=wrong)
        assert caught.value.code == "reauthentication_failed"
    assert fresh(change).emergency_by is None


def test_a_wrong_password_confirms_nothing_and_is_recorded(shop: Shop, rf: RequestFactory) -> None:
    request = rf.post("/")
    assert reauthentication.confirm(request, shop.omar, PASSWORD).user_id == shop.omar.pk
    with pytest.raises(PermissionDeniedError):
        reauthentication.confirm(request, shop.omar, "wrong")
    shop.omar.set_unusable_password()
    with pytest.raises(PermissionDeniedError, match="no password here"):
        reauthentication.confirm(request, shop.omar, "")
    refused = AuditEvent.objects.filter(action="person.reauthenticate", outcome=Outcome.REFUSED)
    assert refused.count() == 2


def test_the_dry_run_is_never_skipped_for_a_draft(shop: Shop) -> None:
    in_force({"rules": [{"name": "All", "approvals": 2, "emergency": 0}]})
    change = declared(shop, shop.proposed())
    assert change.state == State.DRAFT
    submit(actor=shop.priya, change=change)
    assert fresh(change).state == State.VALIDATING
    assert validate(change_id=change.pk) == State.QUEUED
    assert current_revision(change).items.get().dry_run["ok"] is True


def test_no_approval_is_asked_only_where_the_policy_allows_that(shop: Shop) -> None:
    in_force({"rules": [{"name": "All", "approvals": 2, "emergency": 0}]})
    change = declared(shop, shop.pending())
    assert change.state == State.QUEUED
    assert apply_change(change.pk) == State.VERIFYING


def test_the_preconditions_of_the_write_hold_in_an_emergency_too(shop: Shop) -> None:
    change = declared(shop, shop.pending())
    decide(shop.sam, change)
    intent = current_revision(change).items.get().intent
    assert intent is not None
    shop.rogue("POST", ENTRIES, unstamped(intent), kind="json")
    assert apply_change(change.pk) == State.STALE


def test_everything_of_it_is_in_the_audit_record(shop: Shop) -> None:
    change = finished(shop)
    row = AuditEvent.objects.get(action="change.emergency")
    assert (row.actor, row.object_id, row.detail["reason"]) == ("omar", change.number, "Payments are down.")


def test_an_emergency_that_is_confirmed_waits_for_a_review_by_somebody_else(shop: Shop) -> None:
    change = finished(shop)
    for who in (shop.priya, shop.omar, shop.sam):
        with pytest.raises(PermissionDeniedError):
            review(actor=who, change=change, comment="Fine.")
    assert [row.pk for row in inbox(shop.noor, Box.WAITS)] == [change.pk]
    assert list(inbox(shop.sam, Box.WAITS)) == []
    with pytest.raises(InvalidInputError):
        review(actor=shop.noor, change=change, comment=" ")
    review(actor=shop.noor, change=change, comment="It was needed.")
    done = fresh(change)
    assert (done.state, done.reviewed_by, done.finished_at) == (State.APPLIED, shop.noor, change.finished_at)
    assert waiting_count(User.objects.get(pk=shop.noor.pk)) == 0
    with pytest.raises(WrongStateError):
        review(actor=person("remy", Role.APPROVER), change=done, comment="Again.")


def test_an_administrator_may_review_what_they_did_not_declare(shop: Shop) -> None:
    change = finished(shop)
    ada = person("ada", Role.ADMINISTRATOR)
    assert [row.pk for row in inbox(ada, Box.WAITS)] == [change.pk]
    assert detail(ada, change).can[Verb.REVIEW] == ""
    review(actor=ada, change=change, comment="It was needed.")
    assert fresh(change).state == State.APPLIED


def test_one_that_stopped_half_way_owes_its_review_as_well(shop: Shop) -> None:
    change = declared(shop, shop.pending())
    ChangeSet.objects.filter(pk=change.pk).update(state=State.PARTIALLY_APPLIED)
    assert waiting_count(shop.noor) == 1
    review(actor=shop.noor, change=fresh(change), comment="Half of it was needed.")
    assert (fresh(change).state, waiting_count(shop.noor)) == (State.PARTIALLY_APPLIED, 0)


def test_an_ordinary_change_owes_no_review(shop: Shop) -> None:
    change = shop.queued()
    apply_change(change.pk)
    assert verify_change(change.pk) == State.APPLIED
    with pytest.raises(WrongStateError):
        review(actor=person("remy", Role.APPROVER), change=fresh(change), comment="Fine.")


def test_it_is_declared_once_and_only_before_it_is_queued(shop: Shop, rf: Any) -> None:
    change = declared(shop, shop.pending())
    with pytest.raises(WrongStateError):
        declared(shop, change)
    with pytest.raises(WrongStateError):
        declared(shop, shop.queued(title="Another"))
