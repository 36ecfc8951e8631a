"""Separation of duties: whoever had a hand in it, by whatever way, decides nothing."""

from __future__ import annotations

import pytest

from apps.accounts.actions import grant_role
from apps.accounts.models import Role, User
from apps.changes import duties
from apps.changes.access import places
from apps.changes.actions.edit import edit
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.errors import PermissionDeniedError
from tests.factories.shop import NEW_ENTRY, Shop, decide, fresh, person

pytestmark = pytest.mark.django_db(transaction=True)


def involve(change: ChangeSet, who: User, how: str) -> None:
    """Makes the person a hand of the change in this one way."""
    if how == "editor":
        change.revisions.create(number=7, editor=who, created_at=change.created_at)
    elif how == "earlier submitter":
        current_revision(change).submitters.add(who)
    elif how == "former author":
        change.former_authors.add(who)
    else:
        ChangeSet.objects.filter(pk=change.pk).update(**{how: who})
        change.refresh_from_db()


@pytest.mark.parametrize(
    "how", ["author", "editor", "former author", "submitter", "earlier submitter", "emergency_by"]
)
def test_every_hand_is_kept_from_deciding_by_every_way_of_asking(shop: Shop, how: str) -> None:
    change, who = shop.pending(), person("both", Role.APPROVER, Role.PROPOSER)
    where = places(current_revision(change))
    duties.require_decider(who, change, where)
    assert who in duties.eligible_reviewers(change, where)
    everything = ChangeSet.objects.all()
    assert duties.without_a_hand(who, everything).filter(pk=change.pk).exists()
    involve(change, who, how)
    with pytest.raises(PermissionDeniedError) as caught:
        duties.require_decider(who, change, where)
    assert caught.value.code == "self_approval"
    assert who not in duties.eligible_reviewers(change, where)
    assert not duties.without_a_hand(who, everything).filter(pk=change.pk).exists()
    assert duties.examiner_problem(who, change, where) != ""


def test_whoever_submitted_an_earlier_revision_does_not_approve_a_later_one(shop: Shop) -> None:
    both = person("both", Role.APPROVER, Role.PROPOSER)
    change = shop.proposed()
    submit(actor=both, change=change)
    validate(change_id=change.pk)
    patches = {
        shop.cluster: patches_from(NEW_ENTRY.replace("- sts.us-east-1.amazonaws.com", ""), shop.cluster)
    }
    edited = edit(actor=shop.priya, change=fresh(change), patches=patches)
    submit(actor=shop.priya, change=edited)
    validate(change_id=change.pk)
    with pytest.raises(PermissionDeniedError) as caught:
        decide(both, change)
    assert caught.value.code == "self_approval"


def test_a_change_that_writes_nowhere_is_decided_by_nobody(shop: Shop) -> None:
    change = shop.pending()
    assert duties.eligible_reviewers(change, ()) == ()
    with pytest.raises(PermissionDeniedError) as caught:
        duties.require_decider(shop.sam, change, ())
    assert caught.value.code == "not_eligible"


def test_an_account_that_is_switched_off_decides_nothing(shop: Shop) -> None:
    change = shop.pending()
    grant_role(actor=None, role=Role.APPROVER, user=shop.dev)
    User.objects.filter(pk=shop.dev.pk).update(is_active=False)
    with pytest.raises(PermissionDeniedError, match="not active"):
        duties.require_decider(shop.dev, change, places(current_revision(change)))
