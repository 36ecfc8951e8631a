"""What becomes of an applied change when others change what it wrote, against a simulated cluster."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.audit import actions as audit
from apps.audit.models import AuditEvent
from apps.changes.actions import see_drift as seeing
from apps.changes.actions.accept_drift import accept_drift
from apps.changes.actions.propose_again import propose_again
from apps.changes.actions.revert import revert
from apps.changes.actions.see_drift import see_drift
from apps.changes.actions.take_over import take_over
from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet, Watch
from apps.changes.selectors import Box, Verb, detail, inbox
from apps.common.clock import now
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from apps.mesh.refs import ResourceRef
from apps.notifications import timeline
from apps.notifications.models import Notification
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.factories.shop import ENTRIES, NEW_ENTRY, NEW_PATH, SIDECAR, SIDECAR_PATH, Shop, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)
ROGUE = {"spec": {"hosts": ["sts.amazonaws.com"]}}


def applied(shop: Shop, text: str = NEW_ENTRY, **words: object) -> ChangeSet:
    change = shop.queued(text, **words)
    return run(change)


def run(change: ChangeSet) -> ChangeSet:
    apply_change(change.pk)
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message
    return fresh(change)


def kinds(change: ChangeSet) -> list[str]:
    return list(change.events.filter(kind__contains="drift").order_by("pk").values_list("kind", flat=True))


def drifted(shop: Shop) -> ChangeSet:
    change = applied(shop)
    shop.rogue("PATCH", NEW_PATH, ROGUE)
    shop.refresh()
    assert fresh(change).drifted_at is not None
    return fresh(change)


def test_a_change_of_others_is_seen_told_and_cleared_when_it_is_put_back(shop: Shop) -> None:
    change = applied(shop)
    written = shop.live("ServiceEntry", "speedscale", "speedscale-sts")["spec"]
    shop.refresh()
    assert (fresh(change).drifted_at, kinds(change)) == (None, [])
    shop.rogue("PATCH", NEW_PATH, ROGUE)
    for _ in range(2):
        shop.refresh()
    assert fresh(change).state == State.APPLIED, "drift is no state"
    since, watch = fresh(change).drifted_at, Watch.objects.get()
    assert since is not None
    assert (watch.drifted_at, watch.drift["what"]) == (since, "changed")
    assert [row["path"] for row in watch.drift["changes"]] == ["spec.hosts"]
    assert watch.drift["managers"], "the cluster says who owns the field now"
    assert kinds(change) == ["drifted"]
    event = change.events.get(kind="drifted")
    assert "ServiceEntry speedscale/speedscale-sts on shop no longer reads as it was written" in event.text
    assert list(inbox(shop.dev, Box.ALL, drifted=True)) == [change]
    assert timeline.collect() > 0
    assert Notification.objects.filter(event="drifted", change=change).count() == 1
    shop.rogue("PATCH", NEW_PATH, {"spec": written})
    shop.refresh()
    assert (fresh(change).drifted_at, kinds(change)) == (None, ["drifted", "drift_ended"])
    assert list(inbox(shop.dev, Box.ALL, drifted=True)) == []
    logged = AuditEvent.objects.filter(object_id=change.number).values_list("action", flat=True)
    assert {"change.drifted", "change.drift_ended"} <= set(logged)
    assert audit.verify().ok


def test_what_others_do_beside_it_is_no_drift(shop: Shop) -> None:
    change = applied(shop)
    shop.rogue("PATCH", NEW_PATH, {"metadata": {"labels": {"team": "a"}}, "spec": {"exportTo": ["*"]}})
    shop.refresh()
    assert (fresh(change).drifted_at, kinds(change)) == (None, [])


def test_a_deleted_object_is_drift_and_one_made_anew_alike_is_not(shop: Shop) -> None:
    change = applied(shop)
    body = shop.live("ServiceEntry", "speedscale", "speedscale-sts")
    shop.rogue("DELETE", NEW_PATH)
    shop.refresh()
    assert Watch.objects.get().drift["what"] == "deleted"
    anew = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "speedscale-sts", "namespace": "speedscale"},
        "spec": body["spec"],
    }
    shop.rogue("POST", ENTRIES, anew, kind="json")
    shop.refresh()
    assert (fresh(change).drifted_at, kinds(change)) == (None, ["drifted", "drift_ended"])


def test_a_reading_that_began_before_the_write_says_nothing(shop: Shop) -> None:
    change = shop.queued()
    apply_change(change.pk)
    watch = Watch.objects.get()
    assert watch.compared_at is None
    ChangeSet.objects.filter(pk=change.pk).update(state=State.APPLIED)
    Watch.objects.update(since=watch.since.replace(year=2999))
    shop.rogue("DELETE", NEW_PATH)
    shop.refresh()
    assert fresh(change).drifted_at is None
    Watch.objects.update(since=watch.since)
    shop.refresh()
    assert fresh(change).drifted_at is not None, "what was not compared is, in the next reading"


def test_while_a_change_is_verified_its_verification_speaks_first(shop: Shop) -> None:
    change = shop.queued()
    apply_change(change.pk)
    shop.rogue("PATCH", NEW_PATH, ROGUE)
    shop.refresh()
    assert (fresh(change).state, fresh(change).drifted_at) == (State.VERIFYING, None)
    assert verify_change(change.pk) == State.DIVERGED
    shop.refresh()
    assert fresh(change).drifted_at is not None


def test_while_another_change_writes_the_object_nothing_is_said(shop: Shop) -> None:
    change = applied(shop)
    other = shop.proposed(NEW_ENTRY.replace("    - sts.us-east-1.amazonaws.com\n", ""))
    items_of = ChangeItem.objects.filter(revision__change=other)
    items_of.update(result=ChangeItem.Result.UNKNOWN)
    shop.rogue("PATCH", NEW_PATH, ROGUE)
    shop.refresh()
    assert fresh(change).drifted_at is None
    items_of.update(result=ChangeItem.Result.FAILED)
    shop.refresh()
    assert fresh(change).drifted_at is not None


def test_a_later_change_of_the_same_object_takes_the_watch_over(shop: Shop) -> None:
    change = drifted(shop)
    again = propose_again(actor=shop.priya, change=change)
    assert again.title == "Again: Open the token service"
    (item,) = items(again)
    assert item.intent
    assert item.desired
    assert (item.action, item.intent["spec"]["hosts"][0]) == ("update", "sts.amazonaws.com")
    assert item.desired["spec"]["hosts"] == ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"]
    later = run_over(shop, again)
    assert Watch.objects.get().change_id == later.pk
    assert (fresh(change).drifted_at, kinds(change)) == (None, ["drifted", "drift_ended"])
    assert "CS-" in change.events.get(kind="drift_ended").text
    shop.rogue("PATCH", NEW_PATH, ROGUE)
    shop.refresh()
    assert fresh(change).drifted_at is None
    assert fresh(later).drifted_at is not None


def run_over(shop: Shop, change: ChangeSet) -> ChangeSet:
    """Takes the fields over that somebody else owns by now, then goes the whole way."""
    return run(shop.approved(shop.submitted(take_over(actor=shop.priya, change=change))))


def test_a_deleted_object_is_proposed_again_as_a_creation(shop: Shop) -> None:
    change = applied(shop)
    shop.rogue("DELETE", NEW_PATH)
    shop.refresh()
    again = propose_again(actor=shop.priya, change=fresh(change))
    assert [item.action for item in items(again)] == ["create"]
    run(shop.approved(shop.submitted(again)))
    assert shop.live("ServiceEntry", "speedscale", "speedscale-sts")["spec"]["hosts"][1:]
    assert fresh(change).drifted_at is None


def test_a_revert_ends_the_watch_and_is_watched_itself(shop: Shop) -> None:
    change = drifted(shop)
    shop.rogue("PATCH", NEW_PATH, {"spec": {"hosts": ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"]}})
    shop.refresh()
    back = run(shop.approved(shop.submitted(revert(actor=shop.priya, change=fresh(change)))))
    assert Watch.objects.get().change_id == back.pk
    body = dict(items(change)[0].desired or {})
    body["metadata"] = {"name": "speedscale-sts", "namespace": "speedscale"}
    shop.rogue("POST", ENTRIES, body, kind="json")
    shop.refresh()
    assert fresh(change).drifted_at is None
    assert Watch.objects.get().drift["what"] == "back"
    assert fresh(back).drifted_at is not None


def test_an_update_watches_its_fields_of_an_object_of_others(shop: Shop) -> None:
    change = applied(shop, SIDECAR, take_over=True)
    shop.rogue("PATCH", SIDECAR_PATH, {"metadata": {"labels": {"x": "y"}}})
    shop.refresh()
    assert fresh(change).drifted_at is None
    shop.rogue("PATCH", SIDECAR_PATH, {"spec": {"egress": [{"hosts": ["./*"]}]}})
    shop.refresh()
    assert [row["path"] for row in Watch.objects.get().drift["changes"]] == ["spec.egress"]


def test_a_gitops_tool_that_puts_it_back_is_named_as_the_likely_cause(shop: Shop) -> None:
    mark = {
        "metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:networking.istio.io/Sidecar"}}
    }
    shop.rogue("PATCH", SIDECAR_PATH, mark)
    shop.refresh()
    change = shop.pending(SIDECAR, take_over=True)
    (item,) = items(change)
    assert item.keeper is not None
    assert (item.keeper.tool, item.keeper.source) == ("Argo CD", "shop")
    assert any("With self-heal it puts the object back" in text for text in item.dry_run["warnings"])
    run(shop.approved(change))
    body: dict[str, Any] = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar"}
    body |= {
        "metadata": {"name": "default", "namespace": "payments"},
        "spec": {"egress": [{"hosts": ["./*"]}]},
    }
    shop.rogue(
        "PATCH", f"{SIDECAR_PATH}?fieldManager=argocd-controller&force=true", body, kind="apply-patch+yaml"
    )
    shop.refresh()
    drift = Watch.objects.get().drift
    assert (drift["managers"], drift["keeper"], drift["blamed"]) == (["argocd-controller"], "Argo CD", True)
    assert "Argo CD keeps it, and is the likely cause" in change.events.get(kind="drifted").text


def test_drift_is_accepted_with_a_reason_and_watched_no_longer(shop: Shop) -> None:
    change = drifted(shop)
    with pytest.raises(InvalidInputError, match="Say why"):
        accept_drift(actor=shop.priya, change=change, reason=" ")
    done = accept_drift(actor=shop.priya, change=change, reason="They know.")
    assert done.drifted_at is None
    assert "They know." in change.events.get(kind="drift_accepted").text
    logged = AuditEvent.objects.get(action="change.accept_drift")
    assert (logged.actor, logged.detail["reason"]) == (shop.priya.username, "They know.")
    shop.rogue("DELETE", NEW_PATH)
    shop.refresh()
    assert fresh(change).drifted_at is None
    with pytest.raises(WrongStateError):
        accept_drift(actor=shop.priya, change=done, reason="Again.")
    with pytest.raises(WrongStateError):
        propose_again(actor=shop.priya, change=fresh(change))


@pytest.mark.parametrize("who", ["dev", "sam"])
def test_only_those_who_may_propose_everywhere_deal_with_drift(shop: Shop, who: str) -> None:
    change, person = drifted(shop), getattr(shop, who)
    can = detail(person, change).can
    assert can[Verb.ACCEPT_DRIFT] != "" != can[Verb.PROPOSE_AGAIN]
    with pytest.raises(PermissionDeniedError):
        accept_drift(actor=person, change=change, reason="x")
    with pytest.raises(PermissionDeniedError):
        propose_again(actor=person, change=change)
    allowed = detail(shop.priya, change)
    assert allowed.can[Verb.ACCEPT_DRIFT] == allowed.can[Verb.PROPOSE_AGAIN] == ""
    assert [one.name for one in allowed.drifted] == ["speedscale-sts"]


def test_it_costs_what_moved_and_not_what_is_watched(shop: Shop) -> None:
    change = applied(shop)
    shop.refresh()
    one = Watch.objects.get()
    item = one.item
    for number in range(40):
        item.pk, item.position = None, 10 + number
        item.save()
        one.pk, one.item, one.name = None, item, f"more-{number}"
        one.save()
    moved = {ResourceRef("ServiceEntry", "speedscale", "speedscale-sts")}
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert see_drift(cluster=shop.cluster, touched=moved, began=now()) == 1
    assert len(queries) <= 5, [query["sql"][:90] for query in queries]
    with CaptureQueriesContext(connection) as queries:
        assert see_drift(cluster=shop.cluster, touched=(), began=now()) == 0
    assert len(queries) <= 2
    assert fresh(change).drifted_at is None


def test_a_watch_that_is_taken_over_while_it_is_compared_tells_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = applied(shop)
    shop.rogue("PATCH", NEW_PATH, ROGUE)

    def taken_over(one: Watch) -> bool:
        Watch.objects.filter(pk=one.pk).delete()
        return False

    monkeypatch.setattr(seeing, "_in_doubt", taken_over)
    shop.refresh()
    assert (fresh(change).drifted_at, kinds(change)) == (None, [])
