"""Somebody acts on a revision that is no longer the newest: nothing happens, and it is said."""

from __future__ import annotations

import pytest

from apps.changes.actions.edit import edit
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.submit import submit
from apps.changes.lifecycle import State
from apps.changes.transitions import LostRaceError
from tests.factories.shop import NEW_ENTRY, Shop, fresh

pytestmark = pytest.mark.django_db(transaction=True)
LESS = NEW_ENTRY.replace("    - sts.us-east-1.amazonaws.com\n", "")


def test_a_submit_of_a_draft_that_was_edited_meanwhile_is_refused(shop: Shop) -> None:
    seen = shop.proposed()
    edit(actor=shop.priya, change=fresh(seen), patches={shop.cluster: patches_from(LESS, shop.cluster)})
    with pytest.raises(LostRaceError):
        submit(actor=shop.priya, change=seen)
    assert fresh(seen).state == State.DRAFT


def test_of_two_edits_of_the_same_revision_one_wins(shop: Shop) -> None:
    one = shop.proposed()
    other = fresh(one)
    patches = {shop.cluster: patches_from(LESS, shop.cluster)}
    edit(actor=shop.priya, change=one, patches=patches)
    with pytest.raises(LostRaceError):
        edit(actor=shop.priya, change=other, patches=patches)
    assert fresh(one).revisions.count() == 2
