"""The second look at a change, on a simulated cluster: by itself, once, and without a change of state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet, Verification
from apps.changes.selectors import detail
from apps.clusters.gateway import UnreachableError
from apps.common.clock import now
from apps.common.models import OutboxMessage
from apps.notifications.events import TOLD, Event
from apps.pipeline import settling
from apps.pipeline.observing import rollout_problem
from apps.pipeline.recover import recover_stuck
from apps.pipeline.rollout import apply_change
from apps.pipeline.settling import settle_change
from apps.pipeline.verifying import verify_change
from tests.factories.shop import HOME_PATH, NEW_ENTRY, NEW_PATH, Shop, fresh

pytestmark = pytest.mark.django_db(transaction=True)
LATER = timedelta(minutes=4)
HOSTS = ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"]
EXACT = {"spec": {"hosts": ["sts.amazonaws.com"]}}


def applied(shop: Shop) -> ChangeSet:
    change = shop.queued()
    apply_change(change.pk)
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message
    return fresh(change)


def kinds(change: ChangeSet) -> list[str]:
    return list(change.events.filter(kind__startswith="settle").order_by("pk").values_list("kind", flat=True))


def phases(change: ChangeSet) -> dict[str, bool]:
    return dict(Verification.objects.filter(change=change).values_list("phase", "confirmed"))


def test_it_is_looked_at_once_more_when_its_time_has_come_and_only_once(shop: Shop) -> None:
    change = applied(shop)
    assert change.settles_at is not None
    assert settle_change(change.pk) is None, "not before its time"
    OutboxMessage.objects.all().delete()
    assert recover_stuck().settled == 0
    with time_machine.travel(now() + LATER):
        assert recover_stuck().settled == 1
        message = OutboxMessage.objects.get(task="pipeline.settle_change")
        assert message.arguments == {"change_id": change.pk}
        assert settle_change(change.pk) is True
        assert settle_change(change.pk) is None
        assert recover_stuck().settled == 0
    assert (fresh(change).state, fresh(change).settles_at) == (State.APPLIED, None)
    assert phases(change) == {"first": True, "settled": True}
    assert kinds(change) == ["settle_began", "settled"]
    shown = detail(shop.dev, fresh(change))
    assert shown.verification is not None
    assert shown.verification.phase == "settled"


def test_what_others_changed_meanwhile_is_said_with_who_and_the_change_stays_applied(shop: Shop) -> None:
    change = applied(shop)
    shop.rogue("PATCH", f"{NEW_PATH}?fieldManager=kubectl-edit", EXACT)
    with time_machine.travel(now() + LATER):
        assert settle_change(change.pk) is False
    assert fresh(change).state == State.APPLIED
    assert phases(change) == {"first": True, "settled": False}
    found = Verification.objects.get(phase="settled").detail["shop"]["differences"]
    assert any(
        "spec.hosts is not as it was written. Written since by kubectl-edit at 2" in line for line in found
    )
    assert kinds(change) == ["settle_began", "settle_diverged"]
    assert TOLD["settle_diverged"] is Event.DIVERGED


def test_what_others_did_elsewhere_is_a_remark_and_no_divergence(shop: Shop) -> None:
    change = applied(shop)
    home = shop.live("ServiceEntry", "speedscale", "speedscale-external-svc-https")["spec"]
    shop.rogue("PATCH", HOME_PATH, {"spec": {"hosts": home["hosts"][:1]}})
    with time_machine.travel(now() + LATER):
        assert settle_change(change.pk) is True
    remarks = Verification.objects.get(phase="settled").detail["shop"]["remarks"]
    assert any(line.startswith("Seen, but not predicted") for line in remarks)
    assert "others changed ServiceEntry speedscale/speedscale-external-svc-https" in remarks[-1]


def test_right_after_the_writes_the_same_diverges_and_names_where_it_may_come_from(shop: Shop) -> None:
    change = shop.queued()
    home = shop.live("ServiceEntry", "speedscale", "speedscale-external-svc-https")["spec"]
    shop.rogue("PATCH", HOME_PATH, {"spec": {"hosts": home["hosts"][:1]}})  # after the last reading
    apply_change(change.pk)
    assert verify_change(change.pk) == State.DIVERGED
    seen = Verification.objects.get().detail["shop"]
    assert any(line.startswith("Seen, but not predicted") for line in seen["differences"])
    assert "others changed ServiceEntry speedscale/speedscale-external-svc-https" in seen["remarks"][-1]


def test_one_that_diverged_and_settles_to_what_was_predicted_becomes_applied(shop: Shop) -> None:
    change = shop.queued()
    apply_change(change.pk)
    shop.rogue("PATCH", NEW_PATH, EXACT)
    assert verify_change(change.pk) == State.DIVERGED
    shop.rogue("PATCH", NEW_PATH, {"spec": {"hosts": HOSTS}})
    with time_machine.travel(now() + LATER):
        assert settle_change(change.pk) is True
    assert (fresh(change).state, fresh(change).state_message) == (State.APPLIED, "")
    assert phases(change) == {"first": False, "settled": True}
    assert fresh(change).settles_at is None


def test_one_that_still_differs_stays_diverged(shop: Shop) -> None:
    change = shop.queued()
    apply_change(change.pk)
    shop.rogue("PATCH", NEW_PATH, EXACT)
    assert verify_change(change.pk) == State.DIVERGED
    with time_machine.travel(now() + LATER):
        assert settle_change(change.pk) is False
    assert fresh(change).state == State.DIVERGED
    assert kinds(change) == ["settle_began", "settle_left"]


def test_what_a_later_change_wrote_again_is_not_looked_at(shop: Shop) -> None:
    change = applied(shop)
    other = shop.queued(NEW_ENTRY.replace("MESH_EXTERNAL\n", "MESH_EXTERNAL\n  exportTo: ['*']\n"))
    apply_change(other.pk)
    with time_machine.travel(now() + LATER):
        assert settle_change(change.pk) is None
    assert f"{other.number} has written the same since" in change.events.get(kind="settle_left").text
    assert (phases(change), fresh(change).settles_at) == ({"first": True}, None)


def test_a_cluster_that_gives_no_answer_is_asked_again_and_then_given_up(shop: Shop) -> None:
    def away(_: object) -> Any:
        raise UnreachableError("The cluster does not answer.")

    change = applied(shop)
    moment = now() + LATER
    for _ in range(settling.MAX_ATTEMPTS):
        with time_machine.travel(moment):
            assert settle_change(change.pk, opener=away) is None
            assert settle_change(change.pk, opener=away) is None, "not before its pause is over"
        moment += timedelta(minutes=1)
    assert fresh(change).settles_at is None
    assert "could not be looked at" in change.events.get(kind="settle_left").text
    assert fresh(change).state == State.APPLIED


def test_a_worker_that_was_overtaken_records_nothing(shop: Shop) -> None:
    change = applied(shop)

    def overtaken(_: object) -> None:
        ChangeSet.objects.filter(pk=change.pk).update(attempt=99)

    with time_machine.travel(now() + LATER):
        assert settle_change(change.pk, refresher=overtaken) is None
    assert phases(change) == {"first": True}


def test_without_a_settling_time_there_is_no_second_look(shop: Shop, settings: Settings) -> None:
    settings.MESHCONSOLE_SETTLE_SECONDS = 0
    assert applied(shop).settles_at is None


def workload(
    kind: str = "Deployment", generation: int = 2, replicas: int = 3, **status: int
) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"generation": generation},
        "spec": {"replicas": replicas},
        "status": status,
    }


@pytest.mark.parametrize(
    ("live", "said"),
    [
        ({"kind": "ServiceEntry", "status": {"observedGeneration": 1}, "metadata": {"generation": 2}}, ""),
        (workload(), ""),  # its status says nothing
        (workload(observedGeneration=1), "its controller has not seen the new template yet."),
        (
            workload(observedGeneration=2, updatedReplicas=1, readyReplicas=3),
            "1 of 3 pods run the new template, 3 are ready.",
        ),
        (workload(observedGeneration=2, updatedReplicas=3, readyReplicas=3), ""),
        (workload(observedGeneration=2, replicas=0), ""),
        (
            workload("DaemonSet", observedGeneration=2, desiredNumberScheduled=2, updatedNumberScheduled=2),
            "2 of 2 pods run the new template, 0 are ready.",
        ),
    ],
)
def test_a_rollout_is_read_off_the_status_of_the_workload(live: dict[str, Any], said: str) -> None:
    assert rollout_problem(live) == said
