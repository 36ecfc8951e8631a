"""StatefulSets, DaemonSets and Jobs do what they are for."""

from typing import Any

import msgspec

from apps.simcluster.tables import row
from tests.simcluster.behaviour.playing import (
    APPS,
    BATCH,
    CORE,
    Json,
    Play,
    condition,
    images,
    node,
    template,
    workload,
)

CART = f"{APPS}/statefulsets/cart"
AGENT = f"{APPS}/daemonsets/cart"


def stateful(**spec: Any) -> Play:
    play = Play()
    play.make(workload("StatefulSet", serviceName="cart", replicas=3, **spec))
    return play


def by_name(play: Play) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in play.pods()}


def test_pods_of_a_stateful_set_come_in_order() -> None:
    play = stateful()
    play.tick()
    assert list(by_name(play)) == ["cart-0"]
    play.run(10)
    assert list(by_name(play)) == ["cart-0", "cart-1", "cart-2"]
    status = play.ask("GET", CART)["status"]
    assert status["currentRevision"] == status["updateRevision"]
    assert status["readyReplicas"] == status["currentReplicas"] == status["updatedReplicas"] == 3
    labels = play.pods()[1]["metadata"]["labels"]
    assert labels["apps.kubernetes.io/pod-index"] == "1"
    assert labels["controller-revision-hash"] == status["currentRevision"]
    (revision,) = play.items(f"{APPS}/controllerrevisions")
    assert revision["metadata"]["name"] == status["currentRevision"]


def test_a_stateful_set_is_updated_from_its_last_pod_on() -> None:
    play = stateful()
    play.run(10)
    play.image(CART, "shop/cart:2")
    seen: list[list[str]] = []
    for _ in range(60):
        play.run(0.25, step=0.25)
        found = by_name(play)
        if len(found) == 3 and (not seen or seen[-1] != list(found.values())):
            seen.append(list(found.values()))
    old, new = "shop/cart:1", "shop/cart:2"
    assert seen == [[old, old, old], [old, old, new], [old, new, new], [new, new, new]]
    status = play.ask("GET", CART)["status"]
    assert status["currentRevision"] == status["updateRevision"]
    assert [row["revision"] for row in play.items(f"{APPS}/controllerrevisions")] in ([1, 2], [2, 1])


def test_a_stateful_set_on_delete_and_its_partition_keep_older_pods() -> None:
    play = stateful(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    play.run(10)
    play.image(CART, "shop/cart:2")
    play.run(10)
    assert list(by_name(play).values()) == ["shop/cart:1", "shop/cart:1", "shop/cart:2"]
    play.patch(CART, {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}})
    play.run(5)
    assert list(by_name(play).values()) == ["shop/cart:1", "shop/cart:1", "shop/cart:2"]
    play.ask("DELETE", f"{CORE}/pods/cart-0")
    play.run(5)
    assert by_name(play)["cart-0"] == "shop/cart:2"


def test_a_stateful_set_shrinks_from_its_end() -> None:
    play = stateful()
    play.run(10)
    play.patch(f"{CART}/scale", {"spec": {"replicas": 1}})
    play.tick()
    going = [pod["metadata"]["name"] for pod in play.pods() if "deletionTimestamp" in pod["metadata"]]
    assert going == ["cart-2"]
    play.run(10)
    assert list(by_name(play)) == ["cart-0"]


def test_a_daemon_set_has_a_pod_on_each_node_also_on_a_new_one() -> None:
    play = Play()
    play.make(workload("DaemonSet"))
    play.run(5)
    assert sorted(pod["spec"]["nodeName"] for pod in play.pods()) == ["one", "second"]
    play.ask("POST", "/api/v1/nodes", {k: v for k, v in node("third").items() if k != "status"})
    play.ask("PUT", "/api/v1/nodes/third/status", node("third"))
    play.run(5)
    assert sorted(pod["spec"]["nodeName"] for pod in play.pods()) == ["one", "second", "third"]
    status = play.ask("GET", AGENT)["status"]
    assert status["desiredNumberScheduled"] == status["numberReady"] == status["numberAvailable"] == 3


def test_a_daemon_set_is_updated_one_node_at_a_time() -> None:
    play = Play()
    play.make(workload("DaemonSet"))
    play.run(5)
    play.image(AGENT, "shop/cart:2")
    for _ in range(30):
        play.run(0.25, step=0.25)
        running = [pod for pod in play.pods() if pod["status"]["phase"] == "Running"]
        assert len([pod for pod in running if "deletionTimestamp" not in pod["metadata"]]) >= 1
    assert images(play.pods()) == ["shop/cart:2"] * 2
    assert play.ask("GET", AGENT)["status"]["updatedNumberScheduled"] == 2


def job(**spec: Any) -> Json:
    body = {"template": template("nightly", restartPolicy="Never"), **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "nightly"}, "spec": body}


def test_a_job_is_complete_when_its_pods_succeeded() -> None:
    play = Play()
    play.make(job(completions=3, parallelism=2))
    play.tick()
    assert len(play.pods()) == 2
    play.run(10)
    found = play.ask("GET", f"{BATCH}/jobs/nightly")
    assert found["status"]["succeeded"] == 3
    done = condition(found, "Complete")
    assert done is not None
    assert done["reason"] == "CompletionsReached"
    assert [pod["status"]["phase"] for pod in play.pods()] == ["Succeeded"] * 3
    stored = play.cluster.store.stored("jobs.batch", "shop", "nightly")
    jobs = play.cluster.by_kind("batch", "Job")
    assert stored is not None
    assert jobs is not None
    shown = msgspec.json.decode(row(jobs, "v1", stored, play.time, "None"))["cells"]
    assert shown[:3] == ["nightly", "Complete", "3/3"]


def test_a_suspended_job_has_no_pods() -> None:
    play = Play()
    play.make(job(suspend=True))
    play.run(5)
    assert play.pods() == []
