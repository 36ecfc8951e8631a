"""What can go wrong between the console and a cluster, one by one: the effect stays exactly one, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.actions import grant_role
from apps.accounts.models import Role
from apps.changes import dryrun
from apps.changes.actions.execute import execute
from apps.changes.actions.revert import revert
from apps.changes.actions.submit import submit
from apps.changes.actions.take_over import take_over
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.common.models import OutboxMessage
from apps.pipeline import crashpoints
from apps.pipeline.crashpoints import Point
from apps.pipeline.recover import recover_stuck
from apps.pipeline.rollout import MAX_ATTEMPTS, apply_change
from apps.pipeline.verifying import verify_change
from apps.simcluster.faults import Fault, FaultKind, Match
from tests.factories.shop import (
    ENTRIES,
    NEW_ENTRY,
    NEW_PATH,
    SIDECAR,
    SIDECAR_PATH,
    Shop,
    fresh,
    items,
)

pytestmark = pytest.mark.django_db(transaction=True)


def entry(shop: Shop) -> Any:
    return shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts")


def at_the_write(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Does something once, between the noted intent and the write."""
    done: list[bool] = []

    def reached(point: Point) -> None:
        if point is Point.AFTER_INTENT and not done:
            done.append(True)
            act()

    monkeypatch.setattr(crashpoints, "reached", reached)


def no_pause(_: float) -> None:
    """Tests do not wait."""


def applied(change: ChangeSet) -> State | None:
    return apply_change(change.pk, sleep=no_pause)


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.TRUNCATED])
def test_a_lost_answer_is_settled_by_reading_the_object(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    change = shop.queued()
    at_the_write(monkeypatch, lambda: shop.sim.faults.add(Fault(kind, Match(method="PATCH"))))
    assert applied(change) == State.VERIFYING, fresh(change).state_message
    assert entry(shop)["metadata"]["generation"] == 1
    assert "found" in items(change)[0].result_message
    assert verify_change(change.pk) == State.APPLIED


def test_a_lost_answer_to_a_deletion_is_settled_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.queued()
    applied(first)
    verify_change(first.pk)
    back = shop.approved(shop.submitted(revert(actor=shop.priya, change=fresh(first))))
    at_the_write(
        monkeypatch, lambda: shop.sim.faults.add(Fault(FaultKind.LOST_ANSWER, Match(method="DELETE")))
    )
    assert applied(back) == State.VERIFYING, fresh(back).state_message
    assert entry(shop) is None


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.STATUS])
def test_a_write_that_never_arrived_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    change = shop.queued()
    at_the_write(monkeypatch, lambda: shop.sim.faults.add(Fault(kind, Match(method="PATCH"), retry_after=1)))
    assert applied(change) == State.VERIFYING, fresh(change).state_message
    assert entry(shop)["metadata"]["generation"] == 1


def test_an_object_that_moved_since_the_approval_is_not_overwritten(shop: Shop) -> None:
    change = shop.queued(SIDECAR, take_over=True)
    shop.rogue("PATCH", SIDECAR_PATH, {"spec": {"egress": [{"hosts": ["./*"]}]}})
    assert applied(change) == State.STALE
    assert "changed since" in fresh(change).state_message
    assert shop.live("Sidecar", "payments", "default")["spec"]["egress"] == [{"hosts": ["./*"]}]


def test_an_object_that_moves_in_the_moment_of_writing_is_not_overwritten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued(SIDECAR, take_over=True)
    at_the_write(
        monkeypatch, lambda: shop.rogue("PATCH", SIDECAR_PATH, {"spec": {"egress": [{"hosts": ["./*"]}]}})
    )
    assert applied(change) == State.STALE
    assert "moment of writing" in fresh(change).state_message
    assert shop.live("Sidecar", "payments", "default")["spec"]["egress"] == [{"hosts": ["./*"]}]


def test_an_object_that_somebody_else_created_first_is_not_overwritten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued()
    theirs = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "speedscale-sts", "namespace": "speedscale"},
        "spec": {
            "hosts": ["other.example"],
            "ports": [{"name": "tls", "number": 443, "protocol": "TLS"}],
            "resolution": "NONE",
        },
    }
    at_the_write(monkeypatch, lambda: shop.rogue("POST", ENTRIES, theirs, kind="json"))
    assert applied(change) == State.STALE
    assert entry(shop)["spec"]["hosts"] == ["other.example"]


def test_a_deleted_object_is_not_made_again(shop: Shop) -> None:
    change = shop.queued(SIDECAR, take_over=True)
    shop.rogue("DELETE", SIDECAR_PATH)
    assert applied(change) == State.STALE
    assert "no longer there" in fresh(change).state_message
    assert shop.on_cluster("Sidecar", "payments", "default") is None


def test_an_object_that_was_made_anew_is_another_object(shop: Shop) -> None:
    change = shop.queued(SIDECAR, take_over=True)
    old = shop.live("Sidecar", "payments", "default")
    shop.rogue("DELETE", SIDECAR_PATH)
    kept = {k: v for k, v in old["metadata"].items() if k in {"name", "namespace", "labels", "annotations"}}
    again = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": kept,
        "spec": old["spec"],
    }
    shop.rogue("POST", SIDECAR_PATH.rpartition("/")[0], again, kind="json")
    assert applied(change) == State.STALE
    assert "made anew" in fresh(change).state_message


def test_a_field_of_another_owner_needs_a_decision_and_says_whose_it_is(shop: Shop) -> None:
    change = shop.proposed(SIDECAR)
    submit(actor=shop.priya, change=change)
    assert validate(change_id=change.pk) == State.DRAFT
    message = fresh(change).state_message
    assert "spec.egress" in message
    assert "belong to somebody else" in message
    assert items(change)[0].dry_run["causes"][0]["reason"] == "FieldManagerConflict"


def test_a_contested_field_can_be_asked_for_and_is_then_written(shop: Shop) -> None:
    change = shop.proposed(SIDECAR)
    submit(actor=shop.priya, change=change)
    validate(change_id=change.pk)
    take_over(actor=shop.priya, change=fresh(change))
    change = shop.approved(shop.submitted(fresh(change)))
    assert items(change)[0].force
    assert applied(change) == State.VERIFYING, fresh(change).state_message
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message
    live = shop.live("Sidecar", "payments", "default")
    assert "catalog/*" in live["spec"]["egress"][0]["hosts"]


def test_a_take_over_is_a_risk_that_reviewers_see(shop: Shop) -> None:
    change = shop.pending(SIDECAR, take_over=True)
    policy = change.revisions.get(number=1).policy
    assert policy["level"] == "high"
    assert any("takes over fields" in risk["text"] for risk in policy["risks"])


FORBIDDEN = (
    '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"serviceentries is forbidden: User '
    '\\"console\\" cannot patch","reason":"Forbidden","code":403}'
)
TYPED = (
    '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"failed to create typed patch object '
    '(speedscale/x): .spec.nope: field not declared in schema","code":500}'
)


@pytest.mark.parametrize(("status", "body"), [(403, FORBIDDEN), (500, TYPED)])
def test_a_refusal_ends_the_change_without_a_second_try(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    change = shop.queued()
    fault = Fault(
        FaultKind.STATUS,
        Match(verb="apply"),
        times=9,
        status=status,
        body=body,
        content_type="application/json",
    )
    at_the_write(monkeypatch, lambda: shop.sim.faults.add(fault))
    assert applied(change) == State.FAILED
    assert [planned.hits for planned in shop.sim.faults.planned()] == [1]
    assert entry(shop) is None
    assert fresh(change).state_message.startswith("The cluster refused; nothing was written.")


def test_a_cluster_that_is_away_is_waited_for_and_then_given_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued()
    shop.sim.faults.add(Fault(FaultKind.RESET, times=10_000))
    assert applied(change) == State.QUEUED
    assert applied(change) is None, "not before the pause is over"
    for _ in range(MAX_ATTEMPTS):
        ChangeSet.objects.filter(pk=change.pk).update(lease_until=None)
        applied(change)
    assert fresh(change).state == State.NEEDS_ATTENTION
    assert "resume the change or revert it" in fresh(change).state_message
    assert entry(shop) is None


def test_a_refusal_after_the_first_object_leaves_a_part_that_can_be_resumed_or_reverted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued(f"{NEW_ENTRY}---\n{SIDECAR}", take_over=True)
    fault = Fault(
        FaultKind.STATUS,
        Match(verb="apply", resource="sidecars"),
        status=403,
        body=FORBIDDEN,
        content_type="application/json",
    )
    at_the_write(monkeypatch, lambda: shop.sim.faults.add(fault))
    assert applied(change) == State.PARTIALLY_APPLIED
    assert [item.result for item in items(change)] == ["applied", "failed"]
    assert "1 of 2 objects" in fresh(change).state_message
    version = entry(shop)["metadata"]["resourceVersion"]
    grant_role(actor=None, role=Role.OPERATOR, user=shop.omar)
    execute(actor=shop.omar, change=fresh(change))
    assert applied(change) == State.VERIFYING, fresh(change).state_message
    assert entry(shop)["metadata"]["resourceVersion"] == version, "the first object is not written again"
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message


def test_a_worker_that_was_taken_for_dead_writes_nothing_any_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued()
    seen: list[State | None] = []
    real = dryrun.attempt

    def overtaken(*args: Any) -> Any:
        tried = real(*args)
        if not seen:
            seen.append(None)
            ChangeSet.objects.filter(pk=change.pk).update(lease_until=None)
            seen.append(apply_change(change.pk, sleep=no_pause))
        return tried

    monkeypatch.setattr(dryrun, "attempt", overtaken)
    assert applied(change) is None
    assert seen[1] == State.VERIFYING
    assert entry(shop)["metadata"]["generation"] == 1
    assert fresh(change).events.filter(kind="item_applied").count() == 1


def test_the_sweep_sends_again_what_nobody_works_on_and_nothing_else(shop: Shop) -> None:
    change = shop.queued()
    OutboxMessage.objects.all().delete()
    assert recover_stuck().sent == 1
    assert OutboxMessage.objects.get().task == "pipeline.apply_change"
    assert applied(change) == State.VERIFYING
    assert verify_change(change.pk) == State.APPLIED
    assert recover_stuck().sent == 0


def test_what_others_change_before_the_verification_is_said(shop: Shop) -> None:
    change = shop.queued()
    assert applied(change) == State.VERIFYING
    shop.rogue("PATCH", NEW_PATH, {"spec": {"hosts": ["sts.amazonaws.com"]}})
    assert verify_change(change.pk) == State.DIVERGED
    assert "spec.hosts is not as it was written" in fresh(change).state_message
    assert "Verify again" in fresh(change).state_message
