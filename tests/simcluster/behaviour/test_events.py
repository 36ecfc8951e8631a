"""What controllers, scheduler and kubelets tell: as on a real cluster, and not for ever."""

from datetime import timedelta
from typing import Any

import pytest

from apps.simcluster.behaviour.events import MOST, Recorder, Source, Subject
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.controllers import Controllers
from tests.simcluster.behaviour.playing import APPS, BATCH, CORE, Play, template, workload

Json = dict[str, Any]
EVENTS = f"{CORE}/events"


def told(play: Play, kind: str, reason: str = "") -> list[str]:
    """Messages about objects of a kind, oldest first."""
    rows = play.items(EVENTS)
    rows.sort(key=lambda row: row["metadata"]["name"].rpartition(".")[2])
    return [
        row["message"]
        for row in rows
        if row["involvedObject"]["kind"] == kind and (not reason or row["reason"] == reason)
    ]


@pytest.fixture
def play() -> Play:
    found = Play()
    found.make(workload("Deployment", replicas=2))
    found.run(3)
    return found


def test_a_rollout_is_told(play: Play) -> None:
    first = play.items(f"{APPS}/replicasets")[0]["metadata"]["name"]
    play.image(f"{APPS}/deployments/cart", "shop/cart:2")
    play.run(10)
    second = next(
        item["metadata"]["name"]
        for item in play.items(f"{APPS}/replicasets")
        if item["metadata"]["name"] != first
    )
    assert told(play, "Deployment") == [
        f"Scaled up replica set {first} from 0 to 2",
        f"Scaled up replica set {second} from 0 to 1",
        f"Scaled down replica set {first} from 2 to 1",
        f"Scaled up replica set {second} from 1 to 2",
        f"Scaled down replica set {first} from 1 to 0",
    ]
    names = {pod["metadata"]["name"] for pod in play.pods()}
    made = {text.removeprefix("Created pod: ") for text in told(play, "ReplicaSet", "SuccessfulCreate")}
    assert names < made
    gone = {text.removeprefix("Deleted pod: ") for text in told(play, "ReplicaSet", "SuccessfulDelete")}
    assert gone == made - names


def test_the_life_of_a_pod_is_told(play: Play) -> None:
    pod = play.pods()[0]
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    rows = play.items(f"{EVENTS}?fieldSelector=involvedObject.name={name}")
    assert {row["reason"] for row in rows} >= {"Scheduled", "Pulled", "Created", "Started"}
    by_reason = {row["reason"]: row for row in rows}
    scheduled = by_reason["Scheduled"]
    assert scheduled["message"] == f"Successfully assigned shop/{name} to {node}"
    assert (scheduled["reportingComponent"], scheduled["lastTimestamp"]) == ("default-scheduler", None)
    assert scheduled["eventTime"]
    started = by_reason["Started"]
    assert started["source"] == {"component": "kubelet", "host": node}
    assert started["involvedObject"] == {
        "kind": "Pod",
        "namespace": "shop",
        "name": name,
        "uid": pod["metadata"]["uid"],
        "apiVersion": "v1",
        "resourceVersion": started["involvedObject"]["resourceVersion"],
        "fieldPath": "spec.containers{app}",
    }
    assert (started["type"], started["count"], started["message"]) == ("Normal", 1, "Started container app")
    play.ask("DELETE", f"{CORE}/pods/{name}")
    play.run(3)
    rows = play.items(f"{EVENTS}?fieldSelector=involvedObject.name={name},reason=Killing")
    assert [(row["message"], row["count"]) for row in rows] == [("Stopping container app", 1)]


def test_an_image_that_cannot_be_had_is_a_warning(play: Play) -> None:
    play.image(f"{APPS}/deployments/cart", "shop/cart:broken")
    play.run(3)
    assert told(play, "Pod", "BackOff") == ['Back-off pulling image "shop/cart:broken"']
    assert told(play, "Pod", "Failed") == [
        'Failed to pull image "shop/cart:broken": not found',
        "Error: ErrImagePull",
        "Error: ImagePullBackOff",
    ]
    rows = play.items(f"{EVENTS}?fieldSelector=type=Warning")
    assert {row["reason"] for row in rows} == {"Failed"}


def test_a_refused_pod_is_a_warning() -> None:
    play = Play()
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/pods": "1"}}}
    play.make({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    play.make(workload("Deployment", replicas=2))
    play.run(3)
    row = play.items(f"{EVENTS}?fieldSelector=reason=FailedCreate")[0]
    assert row["message"].startswith('Error creating: pods "cart-')
    assert "exceeded quota: few" in row["message"]
    assert (row["type"], row["source"]) == ("Warning", {"component": "replicaset-controller"})


def test_a_job_is_told() -> None:
    play = Play()
    pod = template("once", restartPolicy="Never")
    play.make(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": pod}}
    )
    play.run(5)
    assert play.ask("GET", f"{BATCH}/jobs/once")["status"]["succeeded"] == 1
    assert [text.partition(":")[0] for text in told(play, "Job")] == ["Created pod", "Job completed"]


def test_many_of_a_kind_become_one_and_a_talker_is_not_heard() -> None:
    play = Play()
    play.make(workload("Deployment", replicas=40))
    play.run(5)
    assert len(play.pods()) == 40
    rows = play.items(f"{EVENTS}?fieldSelector=reason=SuccessfulCreate")
    assert len(rows) == 10
    start = "(combined from similar events): Created pod: cart-"
    combined = [row["count"] for row in rows if row["message"].startswith(start)]
    assert combined == [16]  # nine told singly, and 25 in all


def test_a_repetition_is_counted(play: Play) -> None:
    recorder = Recorder(play.cluster)
    deployment = play.ask("GET", f"{APPS}/deployments/cart")
    for _ in range(3):
        recorder.tell(Source("me"), Subject("apps/v1", "Deployment", deployment), "Told", "again")
        play.time += timedelta(seconds=5)
    (row,) = play.items(f"{EVENTS}?fieldSelector=reason=Told")
    assert (row["count"], row["firstTimestamp"]) == (3, "2026-11-25T12:00:03Z")
    assert row["lastTimestamp"] == "2026-11-25T12:00:13Z"


def test_events_go_after_an_hour(play: Play) -> None:
    assert play.items(EVENTS)
    play.time += timedelta(minutes=58)
    play.tick()
    assert play.items(EVENTS)
    play.run(240, step=30)
    assert play.items(EVENTS) == []
    assert play.controllers.idle


def test_there_are_never_very_many(play: Play) -> None:
    recorder = Recorder(play.cluster)
    for number in range(MOST * 2):
        meta = {"namespace": "shop", "name": f"pod-{number}", "uid": str(number)}
        recorder.tell(Source("me"), Subject("v1", "Pod", {"metadata": meta}), "Told", "once")
    assert MOST <= play.cluster.store.count("events") <= MOST * 5 // 4
    assert play.cluster.store.each("events")[-1].name.startswith("pod-")


def test_a_namespace_that_is_deleted_is_not_kept_by_events(play: Play) -> None:
    play.ask("DELETE", "/api/v1/namespaces/shop")
    play.run(30)
    assert play.try_to("GET", "/api/v1/namespaces/shop")[0] == 404
    assert play.cluster.store.count("events") == 0


def test_without_behaviour_nothing_is_told() -> None:
    play = Play()
    play.controllers = Controllers(play.cluster, Behaviour())
    play.make(workload("Deployment", replicas=2))
    play.run(3)
    assert play.items(EVENTS) == []


def test_sets_tell_of_their_pods_in_their_words() -> None:
    play = Play()
    play.make(workload("StatefulSet", "data", replicas=2))
    play.make(workload("DaemonSet", "agent"))
    play.run(5)
    play.patch(f"{APPS}/statefulsets/data", {"spec": {"replicas": 1}})
    play.run(5)
    assert told(play, "StatefulSet") == [
        "create Pod data-0 in StatefulSet data successful",
        "create Pod data-1 in StatefulSet data successful",
        "delete Pod data-1 in StatefulSet data successful",
    ]
    assert [text.partition("-")[0] for text in told(play, "DaemonSet", "SuccessfulCreate")] == [
        "Created pod: agent",
        "Created pod: agent",
    ]


@pytest.mark.parametrize("last", ["yesterday", 7, None, "2026-11-25T12:00:00", "2026-11-25T12:00:00.5Z"])
def test_events_of_clients_go_too_whatever_they_say(play: Play, last: Any) -> None:
    meta, about = {"name": "mine"}, {"kind": "Pod", "namespace": "shop", "name": "cart"}
    play.ask("POST", EVENTS, {"metadata": meta, "involvedObject": about, "lastTimestamp": last, "count": "x"})
    play.run(3)
    play.time += timedelta(minutes=70)
    play.run(1)
    assert play.items(EVENTS) == []
