"""A change on its way through the workers, against a simulated cluster over TLS."""

from __future__ import annotations

from typing import Any

import pytest

from apps.audit import actions as audit
from apps.audit.models import AuditEvent
from apps.changes.actions.cancel import cancel
from apps.changes.actions.revert import revert
from apps.changes.actions.withdraw import withdraw
from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet, Verification
from apps.common.errors import WrongStateError
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.factories.hosts import CARDS, NEXT, in_use
from tests.factories.shop import NEW_ENTRY, SIDECAR, Shop, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)
OP = "meshconsole.io/op"


def entry(shop: Shop) -> Any:
    return shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts")


def run(change: ChangeSet) -> State:
    """Both tasks, as the workers would."""
    apply_change(change.pk)
    verify_change(change.pk)
    return State(fresh(change).state)


def test_an_approved_change_is_written_once_verified_and_confirmed(shop: Shop) -> None:
    change = shop.queued()
    assert apply_change(change.pk) == State.VERIFYING, fresh(change).state_message
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message
    live = entry(shop)
    assert live["metadata"]["annotations"][OP] == f"CS-{change.pk}/1/1"
    assert [row["manager"] for row in live["metadata"]["managedFields"]] == ["meshconsole"]
    assert live["metadata"]["generation"] == 1
    assert items(change)[0].result == ChangeItem.Result.APPLIED
    verified = Verification.objects.get(change=change)
    assert verified.confirmed
    assert len(verified.detail["shop"]["happened"]["opened"]) > 0


def test_a_change_is_verified_against_the_hosts_it_was_predicted_with(shop: Shop) -> None:
    change = shop.queued()
    assert apply_change(change.pk) == State.VERIFYING, fresh(change).state_message
    in_use(NEXT)
    in_use(CARDS, "*")
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message
    happened = Verification.objects.get(change=change).detail["shop"]["happened"]
    assert "sts.amazonaws.com" in {cell["host"] for cell in happened["opened"]}


def test_every_transition_is_in_the_timeline_and_in_the_unbroken_audit(shop: Shop) -> None:
    change = shop.queued()
    run(change)
    kinds = list(fresh(change).events.values_list("kind", flat=True))
    wanted = ["proposed", "submit", "pass_dry_run", "approved", "reach_quorum", "execute", "claim"]
    wanted += ["item_writing", "item_applied", "finish_writes", "confirm"]
    assert [kind for kind in kinds if kind in wanted and kinds.count(kind) == 1] == [
        kind for kind in wanted if kind != "approved"
    ]
    actions = set(AuditEvent.objects.filter(object_id=change.number).values_list("action", flat=True))
    assert {"change.propose", "change.submit", "change.approve", "change.claim", "change.confirm"} <= actions
    assert audit.verify().ok


def test_a_message_that_comes_again_finds_nothing_to_do(shop: Shop) -> None:
    change = shop.queued()
    assert run(change) == State.APPLIED
    version = entry(shop)["metadata"]["resourceVersion"]
    assert apply_change(change.pk) is None
    assert verify_change(change.pk) is None
    assert entry(shop)["metadata"]["resourceVersion"] == version


def test_a_revert_of_a_creation_deletes_it_and_needs_approval_itself(shop: Shop) -> None:
    change = shop.queued()
    run(change)
    back = revert(actor=shop.priya, change=fresh(change))
    assert (back.kind, back.parent_id) == (ChangeSet.Kind.REVERT, change.pk)
    assert [item.action for item in items(back)] == ["delete"]
    assert run(shop.approved(shop.submitted(back))) == State.APPLIED, fresh(back).state_message
    assert entry(shop) is None


def test_a_revert_of_an_update_puts_the_prior_content_back_and_leaves_other_fields(shop: Shop) -> None:
    before = shop.live("Sidecar", "payments", "default")["spec"]
    change = shop.queued(SIDECAR, take_over=True)
    assert run(change) == State.APPLIED, fresh(change).state_message
    assert "catalog/*" in shop.live("Sidecar", "payments", "default")["spec"]["egress"][0]["hosts"]
    back = revert(actor=shop.priya, change=fresh(change))
    assert run(shop.approved(shop.submitted(back))) == State.APPLIED, fresh(back).state_message
    assert shop.live("Sidecar", "payments", "default")["spec"] == before


def test_a_cancel_before_the_first_write_writes_nothing(shop: Shop) -> None:
    change = shop.queued()
    cancel(actor=shop.priya, change=change)
    assert apply_change(change.pk) is None
    assert fresh(change).state == State.CANCELED
    assert entry(shop) is None


def test_what_is_queued_can_be_canceled_and_no_longer_withdrawn(shop: Shop) -> None:
    change = shop.queued()
    with pytest.raises(WrongStateError, match="Possible: claim, cancel"):
        withdraw(actor=shop.priya, change=change)


def test_several_objects_are_written_in_order_and_the_additions_first(shop: Shop) -> None:
    change = shop.queued(f"{SIDECAR}---\n{NEW_ENTRY}", take_over=True)
    assert [item.kind for item in items(change)] == ["ServiceEntry", "Sidecar"]
    assert run(change) == State.APPLIED, fresh(change).state_message
    marks = [
        shop.live(item.kind, item.namespace, item.name)["metadata"]["annotations"][OP]
        for item in items(change)
    ]
    assert marks == [f"CS-{change.pk}/1/1", f"CS-{change.pk}/1/2"]


ANNOTATED = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: ledger
  namespace: payments
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: '{"holdApplicationUntilProxyStarts": true}'
"""


def test_a_workload_gets_an_annotation_and_keeps_everything_else(shop: Shop) -> None:
    before = shop.live("Deployment", "payments", "ledger")["spec"]
    change = shop.queued(ANNOTATED)
    assert apply_change(change.pk) == State.VERIFYING, fresh(change).state_message
    verify_change(change.pk)
    after = shop.live("Deployment", "payments", "ledger")["spec"]
    added = after["template"]["metadata"]["annotations"].pop("proxy.istio.io/config")
    assert "holdApplication" in added
    before["template"]["metadata"].setdefault("annotations", {}).pop("proxy.istio.io/config", None)
    assert after == before
    assert fresh(change).state == State.APPLIED, fresh(change).state_message


def test_a_status_that_moves_does_not_make_an_approved_change_stale(shop: Shop) -> None:
    change = shop.queued(ANNOTATED)
    path = "/apis/apps/v1/namespaces/payments/deployments/ledger/status"
    shop.rogue("PATCH", path, {"status": {"observedGeneration": 7}})
    assert apply_change(change.pk) == State.VERIFYING, fresh(change).state_message
