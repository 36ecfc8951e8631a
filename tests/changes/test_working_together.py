"""Rebasing what is stale, saying something, handing a draft over."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.changes.actions.comment import comment
from apps.changes.actions.hand_over import hand_over
from apps.changes.actions.rebase import rebase
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from apps.pipeline.rollout import apply_change
from tests.factories.shop import SIDECAR, SIDECAR_PATH, Shop, decide, fresh, items, person

pytestmark = pytest.mark.django_db(transaction=True)


def stale(shop: Shop) -> ChangeSet:
    """Approved, and then somebody labelled the object that it changes."""
    change = shop.queued(SIDECAR, take_over=True)
    shop.rogue("PATCH", SIDECAR_PATH, {"metadata": {"labels": {"team": "payments"}}})
    assert apply_change(change.pk) == State.STALE
    return fresh(change)


def test_a_stale_change_is_laid_over_what_is_there_now_and_tried_again(shop: Shop) -> None:
    change = stale(shop)
    old = current_revision(change).digest
    shop.refresh()
    rebase(actor=shop.priya, change=change)
    assert fresh(change).revision_number == 2
    assert validate(change_id=change.pk) == State.PENDING
    assert current_revision(fresh(change)).digest != old
    item = items(change)[0]
    assert item.base is not None
    assert item.base["metadata"]["labels"] == {"team": "payments"}
    change = shop.approved(fresh(change))
    assert apply_change(change.pk) == State.VERIFYING
    live = shop.live("Sidecar", "payments", "default")
    assert live["metadata"]["labels"] == {"team": "payments"}
    assert "catalog/*" in live["spec"]["egress"][0]["hosts"]


def test_approvals_given_before_do_not_count_after(shop: Shop) -> None:
    change = shop.pending(SIDECAR, take_over=True)
    decide(shop.sam, change)
    rebase(actor=shop.priya, change=fresh(change))
    validate(change_id=change.pk)
    decide(shop.noor, change)
    assert fresh(change).state == State.PENDING


def test_where_somebody_changed_the_same_a_person_decides(shop: Shop) -> None:
    change = shop.queued(SIDECAR, take_over=True)
    shop.rogue("PATCH", SIDECAR_PATH, {"spec": {"egress": [{"hosts": ["./*"]}]}})
    assert apply_change(change.pk) == State.STALE
    shop.refresh()
    with pytest.raises(InvalidInputError, match="edit the change by hand") as caught:
        rebase(actor=shop.priya, change=fresh(change))
    assert caught.value.code == "conflict"
    assert fresh(change).state == State.STALE


def test_only_those_who_may_propose_rebase_and_only_before_it_is_queued(shop: Shop) -> None:
    with pytest.raises(PermissionDeniedError):
        rebase(actor=shop.dev, change=stale(shop))
    with pytest.raises(WrongStateError):
        rebase(actor=shop.priya, change=shop.queued())


def test_whoever_sees_a_change_comments_on_it_and_the_record_keeps_it(shop: Shop) -> None:
    change = shop.pending()
    comment(actor=shop.dev, change=change, text=" <script>Why?</script> ")
    assert fresh(change).comments.get().text == "<script>Why?</script>"
    assert AuditEvent.objects.get(action="change.comment").detail["text"] == "<script>Why?</script>"
    for wrong in (" ", "x" * 5000):
        with pytest.raises(InvalidInputError):
            comment(actor=shop.dev, change=change, text=wrong)
    with pytest.raises(PermissionDeniedError):
        comment(actor=person("nobody"), change=change, text="Hello.")


def test_a_draft_is_handed_to_somebody_who_may_propose_and_its_writer_still_decides_nothing(
    shop: Shop,
) -> None:
    both = person("both", Role.PROPOSER, Role.APPROVER)
    pat = person("pat", Role.PROPOSER)
    change = shop.proposed()
    hand_over(actor=shop.priya, change=change, username="both")
    hand_over(actor=both, change=fresh(change), username="pat")
    assert fresh(change).author == pat
    assert AuditEvent.objects.filter(action="change.hand_over").count() == 2
    change = shop.submitted(fresh(change))
    with pytest.raises(PermissionDeniedError) as caught:
        decide(shop.priya, change)
    assert caught.value.code == "self_approval"


def test_a_draft_is_not_handed_to_anybody_else_nor_by_anybody_else(shop: Shop) -> None:
    change = shop.proposed()
    for name in ("sam", "nobody-at-all", "priya"):
        with pytest.raises(InvalidInputError):
            hand_over(actor=shop.priya, change=change, username=name)
    person("pat", Role.PROPOSER)
    with pytest.raises(PermissionDeniedError):
        hand_over(actor=shop.sam, change=change, username="pat")
    change = shop.submitted(change)
    with pytest.raises(WrongStateError):
        hand_over(actor=shop.priya, change=change, username="pat")


def test_whoever_handed_a_draft_on_is_kept_from_deciding_though_never_an_editor(shop: Shop) -> None:
    both = person("both", Role.PROPOSER, Role.APPROVER)
    person("pat", Role.PROPOSER)
    change = shop.proposed()
    hand_over(actor=shop.priya, change=change, username="both")
    hand_over(actor=both, change=fresh(change), username="pat")
    change = shop.submitted(fresh(change))
    with pytest.raises(PermissionDeniedError) as caught:
        decide(both, change)
    assert caught.value.code == "self_approval"
