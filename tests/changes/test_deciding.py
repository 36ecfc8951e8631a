"""Who decides on what: separation of duties, the digest, the quorum, races. By no path an author."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Any

import pytest
from django.db import OperationalError, connection

from apps.accounts.actions import grant_role
from apps.accounts.models import Role, RoleBinding
from apps.audit.models import AuditEvent, Outcome
from apps.changes.actions.approve import approve
from apps.changes.actions.edit import edit
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.reject import reject
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.actions.withdraw import withdraw
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet, Decision
from apps.changes.selectors import Box, Verb, current_revision, detail, inbox, visible, waiting_count
from apps.common.errors import (
    ConsoleError,
    InvalidInputError,
    PermissionDeniedError,
    StaleInputError,
    WrongStateError,
)
from apps.common.models import OutboxMessage
from tests.factories.shop import NEW_ENTRY, Shop, decide, fresh, person

pytestmark = pytest.mark.django_db(transaction=True)


def refused(change: ChangeSet) -> list[str]:
    rows = AuditEvent.objects.filter(object_id=change.number, outcome=Outcome.REFUSED)
    return [row.detail["code"] for row in rows.order_by("seq")]


def test_two_approvals_in_production_queue_the_change_in_one_transaction(shop: Shop) -> None:
    change = shop.pending()
    decide(shop.sam, change)
    assert fresh(change).state == State.PENDING
    OutboxMessage.objects.all().delete()
    decide(shop.noor, change)
    assert fresh(change).state == State.QUEUED
    assert fresh(change).approved_digest == current_revision(change).digest
    assert OutboxMessage.objects.get().arguments == {"change_id": change.pk}


def test_approving_twice_counts_once(shop: Shop) -> None:
    change = shop.pending()
    decide(shop.sam, change)
    decide(shop.sam, change)
    assert fresh(change).state == State.PENDING


@pytest.mark.parametrize("verb", [approve, reject])
def test_an_author_with_the_right_to_approve_still_cannot_decide(shop: Shop, verb: object) -> None:
    grant_role(actor=None, role=Role.APPROVER, user=shop.priya)
    change = shop.pending()
    digest = current_revision(change).digest
    with pytest.raises(PermissionDeniedError) as caught:
        verb(actor=shop.priya, change=change, revision=1, digest=digest, comment="fine")  # type: ignore[operator]
    assert caught.value.code == "self_approval"
    assert refused(change) == ["self_approval"]


def test_an_editor_and_a_submitter_cannot_decide_either(shop: Shop) -> None:
    ed = person("ed", Role.PROPOSER, Role.APPROVER)
    sue = person("sue", Role.PROPOSER, Role.APPROVER)
    change = shop.proposed()
    text = NEW_ENTRY.replace("    - sts.us-east-1.amazonaws.com\n", "")
    edit(actor=ed, change=change, patches={shop.cluster: patches_from(text, shop.cluster)})
    submit(actor=sue, change=fresh(change))
    assert validate(change_id=change.pk) == State.PENDING
    for hand in (ed, sue):
        with pytest.raises(PermissionDeniedError) as caught:
            decide(hand, change)
        assert caught.value.code == "self_approval"


@pytest.mark.parametrize("who", ["dev", "omar", "priya"])
def test_nobody_without_the_right_decides_not_even_an_administrator(shop: Shop, who: str) -> None:
    change = shop.pending()
    with pytest.raises(PermissionDeniedError):
        decide(getattr(shop, who), change)
    assert not Decision.objects.exists()


def test_the_right_must_hold_in_every_namespace_that_is_touched(shop: Shop) -> None:
    change = shop.pending()
    RoleBinding.objects.filter(user=shop.sam).update(namespace="payments")
    with pytest.raises(PermissionDeniedError) as caught:
        decide(shop.sam, change)
    assert caught.value.code == "not_eligible"


def test_a_decision_on_another_digest_or_revision_is_refused(shop: Shop) -> None:
    change = shop.pending()
    digest = current_revision(change).digest
    for revision, seen in ((1, "0" * 64), (2, digest), (1, "")):
        with pytest.raises(StaleInputError):
            approve(actor=shop.sam, change=change, revision=revision, digest=seen)
    assert refused(change) == ["digest_mismatch"] * 3


def test_an_edit_voids_the_approvals_and_makes_another_digest(shop: Shop) -> None:
    change = shop.pending()
    decide(shop.sam, change)
    old = current_revision(change).digest
    patches = {shop.cluster: patches_from(NEW_ENTRY, shop.cluster)}
    edit(actor=shop.priya, change=fresh(change), patches=patches)
    again = shop.submitted(fresh(change))
    assert current_revision(again).digest != old
    decide(shop.noor, again)
    assert fresh(change).state == State.PENDING
    with pytest.raises(StaleInputError):
        approve(actor=shop.sam, change=again, revision=1, digest=old)


def test_a_rejection_needs_a_reason_and_ends_it(shop: Shop) -> None:
    change = shop.pending()
    digest = current_revision(change).digest
    with pytest.raises(InvalidInputError, match="Say why"):
        reject(actor=shop.sam, change=change, revision=1, digest=digest, comment=" ")
    reject(actor=shop.sam, change=change, revision=1, digest=digest, comment="Too wide.")
    assert (fresh(change).state, fresh(change).state_message) == (State.REJECTED, "Too wide.")
    with pytest.raises(WrongStateError):
        decide(shop.noor, change)


def test_a_quorum_that_nobody_can_meet_blocks_the_submit_and_says_who_may(shop: Shop) -> None:
    RoleBinding.objects.filter(user=shop.noor).delete()
    change = shop.proposed()
    with pytest.raises(WrongStateError) as caught:
        submit(actor=shop.priya, change=change)
    assert caught.value.code == "quorum_unreachable"
    assert "only 1 person may approve this change (Sam)" in caught.value.message
    assert fresh(change).state == State.DRAFT


def test_approve_and_reject_at_once_leave_one_of_both_and_never_a_mixture(shop: Shop) -> None:
    change = shop.pending()
    decide(shop.sam, change)
    digest = current_revision(change).digest
    remy = person("remy", Role.APPROVER)

    def attempt(verb: object, user: object) -> str:
        try:
            while True:
                try:
                    verb(actor=user, change=change, revision=1, digest=digest, comment="now")  # type: ignore[operator]
                except OperationalError:  # SQLite in shared memory does not wait for a lock, as a file does
                    time.sleep(0.01)
                    continue
                return "done"
        except ConsoleError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(attempt, approve, shop.noor)
        second = pool.submit(attempt, reject, remy)
        results = sorted((first.result(), second.result()))
    assert results == ["done", "wrong_state"]
    state = fresh(change).state
    assert state in {State.QUEUED, State.REJECTED}
    assert OutboxMessage.objects.filter(task="pipeline.apply_change").exists() is (state == State.QUEUED)


def test_what_waits_for_whom(shop: Shop) -> None:
    change = shop.pending()
    assert [row.pk for row in inbox(shop.sam, Box.WAITS)] == [change.pk]
    assert waiting_count(shop.noor) == 1
    assert list(inbox(shop.priya, Box.WAITS)) == []
    assert [row.pk for row in inbox(shop.priya, Box.MINE)] == [change.pk]
    figures = attrgetter("item_count", "required", "level")
    assert figures(inbox(shop.dev, Box.ALL).get()) == (1, 2, "low")
    decide(shop.sam, change)
    assert waiting_count(shop.sam) == 0


def test_a_change_in_a_namespace_that_one_may_not_see_is_not_there(shop: Shop) -> None:
    change = shop.pending()
    RoleBinding.objects.filter(user=shop.dev).update(namespace="payments")
    dev = type(shop.dev).objects.get(pk=shop.dev.pk)
    assert visible(dev, change.pk) is None
    assert list(inbox(dev)) == []


def test_the_page_says_why_somebody_cannot_do_something(shop: Shop) -> None:
    change = shop.pending()
    assert detail(shop.sam, change).can[Verb.APPROVE] == ""
    assert "somebody else has to decide" in detail(shop.priya, change).can[Verb.APPROVE]
    assert "may not approve everywhere" in detail(shop.dev, change).can[Verb.APPROVE]
    assert "Waiting for approval" in detail(shop.priya, change).can[Verb.SUBMIT]
    decide(shop.sam, change)
    assert detail(shop.sam, fresh(change)).can[Verb.APPROVE] == "You have approved this revision."


def test_only_those_with_a_hand_in_it_or_administrators_withdraw(shop: Shop) -> None:
    change = shop.pending()
    with pytest.raises(PermissionDeniedError):
        withdraw(actor=shop.sam, change=change)
    withdraw(actor=shop.priya, change=change, comment="Not needed.")
    assert fresh(change).state == State.WITHDRAWN


def test_a_page_costs_a_fixed_number_of_queries(shop: Shop, django_assert_max_num_queries: Any) -> None:
    text = "---\n".join(NEW_ENTRY.replace("speedscale-sts", f"sts-{n}") for n in range(5))
    change = shop.pending(text)
    decide(shop.sam, change)
    person_now = type(shop.noor).objects.get(pk=shop.noor.pk)
    with django_assert_max_num_queries(30):
        seen = visible(person_now, change.pk)
        assert seen is not None
        found = detail(person_now, seen)
    assert len(found.items) == 5
