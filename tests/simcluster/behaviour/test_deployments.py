"""A Deployment is rolled out, stuck, paused, taken back and scaled, as kubectl sees it."""

from typing import Any

import pytest

from tests.simcluster.behaviour.playing import APPS, CORE, Play, condition, images, template, workload

CART = f"{APPS}/deployments/cart"
REVISION = "deployment.kubernetes.io/revision"


@pytest.fixture
def play() -> Play:
    found = Play()
    found.make(workload("Deployment", replicas=3))
    found.run(5)
    return found


def sizes(play: Play) -> dict[str, int]:
    """Sizes of the ReplicaSets by image."""
    return {
        item["spec"]["template"]["spec"]["containers"][0]["image"]: item["spec"]["replicas"]
        for item in play.items(f"{APPS}/replicasets")
    }


def test_a_new_deployment_gets_a_replica_set_and_pods_that_run(play: Play) -> None:
    deployment = play.ask("GET", CART)
    assert deployment["metadata"]["annotations"] == {REVISION: "1"}
    assert deployment["metadata"]["generation"] == 1
    counts = {name: value for name, value in deployment["status"].items() if name != "conditions"}
    assert counts == {"observedGeneration": 1} | dict.fromkeys(
        ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 3
    )
    (made,) = play.items(f"{APPS}/replicasets")
    said = condition(deployment, "Progressing")
    assert said is not None
    assert said["reason"] == "NewReplicaSetAvailable"
    assert said["message"] == f'ReplicaSet "{made["metadata"]["name"]}" has successfully progressed.'
    available = condition(deployment, "Available")
    assert available is not None
    assert available["message"] == "Deployment has minimum availability."
    digest = made["metadata"]["labels"]["pod-template-hash"]
    assert made["metadata"]["name"] == f"cart-{digest}"
    assert made["metadata"]["annotations"] == {
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    (owner,) = made["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "cart",
        "uid": deployment["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    for pod in play.pods():
        assert pod["metadata"]["labels"] == {"app": "cart", "pod-template-hash": digest}
        assert pod["metadata"]["generateName"] == f"cart-{digest}-"
        assert pod["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


def test_statuses_belong_to_the_controllers_and_make_no_generation(play: Play) -> None:
    deployment = play.ask("GET", CART)
    managers = {
        (row["manager"], row.get("subresource", "")): row["fieldsV1"]
        for row in deployment["metadata"]["managedFields"]
    }
    assert set(managers) == {("kubectl", ""), ("kube-controller-manager", "status")}
    kept = managers["kube-controller-manager", "status"]
    assert f"f:{REVISION}" in kept["f:metadata"]["f:annotations"]
    assert "f:readyReplicas" in kept["f:status"]
    (made,) = play.items(f"{APPS}/replicasets")
    assert [(row["manager"], row.get("subresource")) for row in made["metadata"]["managedFields"]] == [
        ("kube-controller-manager", None),
        ("kube-controller-manager", "status"),
    ]
    assert made["metadata"]["generation"] == 1


def test_a_rollout_goes_in_steps_within_its_limits(play: Play) -> None:
    play.image(CART, "shop/cart:2")
    seen: list[dict[str, int]] = []
    for _ in range(40):
        play.run(0.25, step=0.25)
        if not seen or seen[-1] != sizes(play):
            seen.append(sizes(play))
        status = play.ask("GET", CART)["status"]
        assert status["availableReplicas"] >= 3
        assert sum(sizes(play).values()) <= 4
    rows = [(row["shop/cart:1"], row["shop/cart:2"]) for row in seen]
    assert rows[0] == (3, 1)
    assert rows[-1] == (0, 3)
    assert len(rows) >= 3
    deployment = play.ask("GET", CART)
    assert deployment["metadata"]["annotations"][REVISION] == "2"
    assert deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"] == 2
    assert images(play.pods()) == ["shop/cart:2"] * 3


def test_a_rollout_says_how_far_it_is(play: Play) -> None:
    play.image(CART, "shop/cart:2")
    play.tick()
    deployment = play.ask("GET", CART)
    said = condition(deployment, "Progressing")
    assert said is not None
    assert (said["status"], said["reason"]) == ("True", "ReplicaSetUpdated")
    assert said["message"].endswith("is progressing.")
    assert deployment["status"]["updatedReplicas"] == 1
    assert deployment["status"]["unavailableReplicas"] == 1


def test_a_template_that_comes_back_takes_its_replica_set_with_a_new_number(play: Play) -> None:
    play.image(CART, "shop/cart:2")
    play.run(10)
    play.image(CART, "shop/cart:1")
    play.run(10)
    assert sizes(play) == {"shop/cart:1": 3, "shop/cart:2": 0}
    numbers = {
        row["spec"]["template"]["spec"]["containers"][0]["image"]: row["metadata"]["annotations"]
        for row in play.items(f"{APPS}/replicasets")
    }
    assert numbers["shop/cart:1"][REVISION] == "3"
    assert numbers["shop/cart:1"]["deployment.kubernetes.io/revision-history"] == "1"
    assert numbers["shop/cart:2"][REVISION] == "2"
    assert play.ask("GET", CART)["metadata"]["annotations"][REVISION] == "3"


def test_an_image_that_cannot_be_had_holds_the_rollout_up_until_its_deadline(play: Play) -> None:
    play.patch(CART, {"spec": {"progressDeadlineSeconds": 30}})
    play.image(CART, "shop/cart:broken")
    play.run(20)
    said = condition(play.ask("GET", CART), "Progressing")
    assert said is not None
    assert said["reason"] == "ReplicaSetUpdated"
    play.run(20)
    deployment = play.ask("GET", CART)
    said = condition(deployment, "Progressing")
    assert said is not None
    assert (said["status"], said["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert said["message"].endswith("has timed out progressing.")
    assert deployment["status"]["availableReplicas"] == 3
    held = [pod for pod in play.pods() if pod["status"]["phase"] == "Pending"]
    (state,) = [pod["status"]["containerStatuses"][0]["state"] for pod in held]
    assert state["waiting"]["reason"] == "ImagePullBackOff"
    play.image(CART, "shop/cart:1")
    play.run(10)
    said = condition(play.ask("GET", CART), "Progressing")
    assert said is not None
    assert said["reason"] == "NewReplicaSetAvailable"


def test_recreate_starts_nothing_before_the_last_pod_is_gone(play: Play) -> None:
    play.patch(CART, {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}})
    play.image(CART, "shop/cart:2")
    together = []
    for _ in range(24):
        play.run(0.25, step=0.25)
        together.append(set(images(play.pods())))
    assert {"shop/cart:1", "shop/cart:2"} not in together
    assert together[-1] == {"shop/cart:2"}


def test_a_paused_deployment_waits_and_says_so(play: Play) -> None:
    play.patch(CART, {"spec": {"paused": True}})
    play.image(CART, "shop/cart:2")
    play.run(10)
    assert sizes(play) == {"shop/cart:1": 3}
    deployment = play.ask("GET", CART)
    said = condition(deployment, "Progressing")
    assert said is not None
    assert (said["status"], said["reason"]) == ("Unknown", "DeploymentPaused")
    assert deployment["status"]["observedGeneration"] == 3
    assert "updatedReplicas" not in deployment["status"]
    play.patch(CART, {"spec": {"paused": None}})
    play.run(10)
    assert sizes(play) == {"shop/cart:1": 0, "shop/cart:2": 3}


def test_a_paused_rollout_is_scaled_in_proportion(play: Play) -> None:
    play.patch(CART, {"spec": {"replicas": 8}})
    play.run(5)
    play.image(CART, "shop/cart:2")
    play.tick()
    play.patch(CART, {"spec": {"paused": True}})
    play.run(5)
    before = sizes(play)
    play.patch(CART, {"spec": {"replicas": 16}})
    play.run(5)
    after = sizes(play)
    assert sum(after.values()) == 20
    assert all(after[image] > before[image] for image in before)


def test_scaling_changes_only_the_number_of_pods(play: Play) -> None:
    before = {pod["metadata"]["name"] for pod in play.pods()}
    play.patch(f"{CART}/scale", {"spec": {"replicas": 5}})
    play.run(5)
    grown = {pod["metadata"]["name"] for pod in play.pods()}
    assert before < grown
    assert len(grown) == 5
    play.patch(f"{CART}/scale", {"spec": {"replicas": 0}})
    play.run(5)
    assert play.pods() == []
    deployment = play.ask("GET", CART)
    assert deployment["metadata"]["annotations"][REVISION] == "1"
    assert set(deployment["status"]) == {"observedGeneration", "conditions"}


def test_only_so_many_empty_replica_sets_are_kept(play: Play) -> None:
    play.patch(CART, {"spec": {"revisionHistoryLimit": 1}})
    for number in range(2, 6):
        play.image(CART, f"shop/cart:{number}")
        play.run(10)
    assert sizes(play) == {"shop/cart:4": 0, "shop/cart:5": 3}


def test_a_refused_pod_is_told_by_replica_set_and_deployment_and_tried_again() -> None:
    play = Play()
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/pods": "1"}}}
    play.ask("POST", f"{CORE}/resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    play.make(workload("Deployment", replicas=2))
    play.run(5)
    assert len(play.pods()) == 1
    (made,) = play.items(f"{APPS}/replicasets")
    for obj in (made, play.ask("GET", CART)):
        said = condition(obj, "ReplicaFailure")
        assert said is not None
        assert (said["status"], said["reason"]) == ("True", "FailedCreate")
        assert "exceeded quota: few" in said["message"]
    play.ask("DELETE", f"{CORE}/resourcequotas/few")
    play.run(40)
    assert len(play.pods()) == 2
    assert condition(play.ask("GET", CART), "ReplicaFailure") is None


def test_a_deployment_made_again_takes_over_what_was_left_of_it(play: Play) -> None:
    names = {pod["metadata"]["name"] for pod in play.pods()}
    play.ask("DELETE", f"{CART}?propagationPolicy=Orphan")
    play.run(5)
    assert {pod["metadata"]["name"] for pod in play.pods()} == names
    (left,) = play.items(f"{APPS}/replicasets")
    assert "ownerReferences" not in left["metadata"]
    play.make(workload("Deployment", replicas=3))
    play.run(5)
    (adopted,) = play.items(f"{APPS}/replicasets")
    assert adopted["metadata"]["ownerReferences"][0]["name"] == "cart"
    assert {pod["metadata"]["name"] for pod in play.pods()} == names


@pytest.mark.parametrize("spec", [{"replicas": "many"}, {"strategy": 7}, {"template": template("cart", "")}])
def test_a_workload_of_a_wrong_shape_does_not_stop_the_others(play: Play, spec: dict[str, Any]) -> None:
    broken = workload("Deployment", "odd") | {"metadata": {"name": "odd", "namespace": "shop", "uid": "1"}}
    broken["spec"] |= spec
    owned = {"metadata": {"name": "owned", "namespace": "shop", "ownerReferences": [{"kind": 7}]}}
    play.cluster.store.put("configmaps", owned)
    play.cluster.store.put("deployments.apps", broken)
    play.image(CART, "shop/cart:2")
    play.run(10)
    assert images(play.pods()) == ["shop/cart:2"] * 3
