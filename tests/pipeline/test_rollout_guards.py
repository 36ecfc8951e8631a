"""What must still hold right before the writes: approvals, people, content, the cluster's own state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import RoleBinding
from apps.changes import transitions
from apps.changes.actions.execute import execute
from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet
from apps.clusters.actions import pause, resume
from apps.common import clock
from apps.pipeline.rollout import MAX_ATTEMPTS, apply_change
from tests.factories.shop import Shop, decide, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)


def entry(shop: Shop) -> Any:
    return shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts")


def applied(change: ChangeSet) -> State | None:
    return apply_change(change.pk, sleep=lambda _: None)


def last_words(change: ChangeSet) -> str:
    """What the newest event of the change says."""
    event = fresh(change).events.last()
    assert event is not None
    return event.text


def test_approvals_are_counted_again_right_before_the_writes(shop: Shop) -> None:
    change = shop.queued()
    RoleBinding.objects.filter(user=shop.noor).delete()
    assert applied(change) == State.PENDING
    assert "may no longer approve" in last_words(change)
    assert entry(shop) is None


def test_a_reviewer_whose_account_was_closed_does_not_count(shop: Shop) -> None:
    change = shop.queued()
    shop.sam.is_active = False
    shop.sam.save()
    assert applied(change) == State.PENDING
    assert entry(shop) is None


def test_content_that_was_altered_in_the_database_is_not_written(shop: Shop) -> None:
    change = shop.queued()
    item = items(change)[0]
    assert item.intent is not None
    intent = {**item.intent, "spec": {**item.intent["spec"], "hosts": ["evil.example"]}}
    ChangeItem.objects.filter(pk=item.pk).update(intent=intent)
    assert applied(change) == State.NEEDS_ATTENTION
    assert "digest differs" in fresh(change).state_message
    assert entry(shop) is None


def test_a_paused_cluster_is_left_alone(shop: Shop) -> None:
    change = shop.queued()
    pause(actor=shop.omar, cluster=shop.cluster)
    assert applied(change) == State.NEEDS_ATTENTION
    assert "is paused: resume it first" in fresh(change).state_message
    assert entry(shop) is None
    resume(actor=shop.omar, cluster=shop.cluster)
    execute(actor=shop.omar, change=fresh(change))
    assert applied(change) == State.VERIFYING


def test_a_credential_that_is_no_longer_accepted_waits_for_somebody_to_replace_it(shop: Shop) -> None:
    change = shop.queued()
    shop.sim.revoke_token("console")
    assert applied(change) == State.NEEDS_ATTENTION
    assert entry(shop) is None
    shop.sim.restore_token("console")
    execute(actor=shop.omar, change=fresh(change))
    assert applied(change) == State.VERIFYING


def test_an_approval_that_has_expired_is_asked_for_again(shop: Shop) -> None:
    change = shop.queued()
    ChangeSet.objects.filter(pk=change.pk).update(expires_at=clock.now() - timedelta(minutes=1))
    assert applied(change) == State.PENDING
    assert "expired" in last_words(change)
    expires_at = fresh(change).expires_at
    assert expires_at is not None
    assert expires_at > clock.now()
    assert entry(shop) is None
    decide(shop.sam, fresh(change))
    assert applied(change) == State.VERIFYING


def test_a_change_that_kills_every_worker_is_given_up_and_says_what_to_do(shop: Shop) -> None:
    change = shop.queued()
    for _ in range(MAX_ATTEMPTS):
        assert transitions.claim(change.pk, lease_until=clock.now() - timedelta(seconds=1)) is not None
    assert applied(change) == State.NEEDS_ATTENTION
    assert "none came to an end" in fresh(change).state_message
    assert "resume the change or revert it" in fresh(change).state_message
    assert entry(shop) is None
