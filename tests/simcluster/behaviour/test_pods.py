"""A pod finds a node, starts, ends and goes, and is created as by anybody: with admission."""

from typing import Any

import pytest

from apps.simcluster import admission
from apps.simcluster.writes import Write
from tests.simcluster.behaviour.playing import CORE, Json, Play, condition, node, template, workload


def bare(name: str = "cart", **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": template(name, **spec)["spec"],
    }


def states(pod: Json, which: str = "containerStatuses") -> dict[str, str]:
    return {row["name"]: next(iter(row["state"])) for row in pod["status"][which]}


def test_a_pod_is_pending_on_a_node_and_then_runs_with_an_address() -> None:
    play = Play()
    play.make(bare())
    play.tick()
    (pod,) = play.pods()
    assert pod["status"]["phase"] == "Pending"
    assert pod["spec"]["nodeName"] in ("one", "second")
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert "podIP" not in pod["status"]
    ready = condition(pod, "Ready")
    assert ready is not None
    assert (ready["status"], ready["message"]) == ("False", "containers with unready status: [app]")
    play.run(1)
    (pod,) = play.pods()
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIPs"] == [{"ip": pod["status"]["podIP"]}]
    assert {row["type"]: row["status"] for row in pod["status"]["conditions"]} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )


def test_each_pod_has_its_own_address() -> None:
    play = Play()
    play.make(workload("Deployment", replicas=30))
    play.run(5)
    assert len({pod["status"]["podIP"] for pod in play.pods()}) == 30


def test_native_sidecars_run_and_other_init_containers_end() -> None:
    play = Play()
    inits = [
        {"name": "setup", "image": "shop/setup:1"},
        {"name": "proxy", "image": "shop/proxy:1", "restartPolicy": "Always"},
    ]
    play.make(bare(initContainers=inits))
    play.tick()
    (pod,) = play.pods()
    assert states(pod, "initContainerStatuses") == {"setup": "waiting", "proxy": "waiting"}
    play.run(1)
    (pod,) = play.pods()
    assert states(pod, "initContainerStatuses") == {"setup": "terminated", "proxy": "running"}
    assert states(pod) == {"app": "running"}


def test_a_broken_init_image_keeps_the_containers_waiting() -> None:
    play = Play()
    play.make(bare(initContainers=[{"name": "setup", "image": "shop/setup:broken"}]))
    play.run(2)
    (pod,) = play.pods()
    assert pod["status"]["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert pod["status"]["phase"] == "Pending"


def test_a_pod_without_a_node_waits_for_one() -> None:
    play = Play([node("one", ready=False)])
    play.make(bare())
    play.run(2)
    (pod,) = play.pods()
    said = condition(pod, "PodScheduled")
    assert said is not None
    assert said["reason"] == "Unschedulable"
    assert "nodeName" not in pod["spec"]
    ready = [{"type": "Ready", "status": "True"}]
    play.patch("/api/v1/nodes/one/status", {"status": {"conditions": ready}})
    play.run(2)
    assert play.pods()[0]["status"]["phase"] == "Running"


def test_a_deleted_pod_goes_when_its_containers_ended_and_is_replaced() -> None:
    play = Play()
    play.make(workload("Deployment", replicas=1))
    play.run(2)
    (pod,) = play.pods()
    name = pod["metadata"]["name"]
    play.ask("DELETE", f"{CORE}/pods/{name}")
    play.tick()
    going = {row["metadata"]["name"]: "deletionTimestamp" in row["metadata"] for row in play.pods()}
    assert going.pop(name) is True
    assert list(going.values()) == [False]
    play.run(2)
    assert name not in {row["metadata"]["name"] for row in play.pods()}
    assert len(play.pods()) == 1


def test_pods_are_admitted_as_the_controllers_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def mutate(write: Write, obj: Json, before: Json | None) -> tuple[Json, tuple[str, ...]]:
        if write.resource.key == "pods" and before is None:
            asked.append((write.user.name, obj["metadata"].get("name", "")))
            sidecar = {"name": "proxy", "image": "shop/proxy:1"}
            spec = {**obj["spec"], "containers": [*obj["spec"]["containers"], sidecar]}
            return {**obj, "spec": spec}, ()
        return obj, ()

    monkeypatch.setattr(admission, "mutate", mutate)
    play = Play()
    play.make(workload("Deployment", replicas=1))
    play.run(2)
    (pod,) = play.pods()
    assert asked == [("system:serviceaccount:kube-system:replicaset-controller", pod["metadata"]["name"])]
    assert states(pod) == {"app": "running", "proxy": "running"}
