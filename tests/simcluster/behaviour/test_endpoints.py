"""What a Service leads to follows its pods: Endpoints and EndpointSlices."""

from typing import Any

import pytest

from tests.simcluster.behaviour.playing import APPS, CORE, Play, node, template, workload

Json = dict[str, Any]
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"


def service(**spec: Any) -> Json:
    body = {"selector": {"app": "cart"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cart", "labels": {"team": "shop"}},
        "spec": body,
    }


def addresses(play: Play, part: str = "addresses") -> list[str]:
    subsets = play.ask("GET", f"{CORE}/endpoints/cart").get("subsets") or ()
    return [row["ip"] for subset in subsets for row in subset.get(part) or ()]


@pytest.fixture
def play() -> Play:
    found = Play()
    found.make(service())
    found.make(workload("Deployment", replicas=2))
    found.run(3)
    return found


def test_ready_pods_are_in_endpoints_and_slices(play: Play) -> None:
    pods = {pod["status"]["podIP"]: pod for pod in play.pods()}
    found = play.ask("GET", f"{CORE}/endpoints/cart")
    assert found["metadata"]["labels"] == {"team": "shop"}
    (subset,) = found["subsets"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert [row["ip"] for row in subset["addresses"]] == sorted(pods)
    for row in subset["addresses"]:
        pod = pods[row["ip"]]
        assert row["nodeName"] == pod["spec"]["nodeName"]
        assert (row["targetRef"]["name"], row["targetRef"]["uid"]) == (
            pod["metadata"]["name"],
            pod["metadata"]["uid"],
        )
    (slice_,) = play.items(SLICES)
    assert slice_["metadata"]["labels"] == {
        "team": "shop",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "cart",
    }
    owner = play.ask("GET", f"{CORE}/services/cart")["metadata"]
    assert [row["uid"] for row in slice_["metadata"]["ownerReferences"]] == [owner["uid"]]
    assert slice_["addressType"] == "IPv4"
    assert {row["addresses"][0] for row in slice_["endpoints"]} == set(pods)
    ready = {"ready": True, "serving": True, "terminating": False}
    assert [row["conditions"] for row in slice_["endpoints"]] == [ready, ready]


def test_a_pod_that_does_not_run_is_not_ready_there(play: Play) -> None:
    play.image(f"{APPS}/deployments/cart", "shop/cart:broken")
    play.run(3)
    assert len(addresses(play)) == 2
    assert len(addresses(play, "notReadyAddresses")) == 1
    (slice_,) = play.items(SLICES)
    assert sorted(row["conditions"]["ready"] for row in slice_["endpoints"]) == [False, True, True]
    play.patch(f"{CORE}/services/cart", {"spec": {"publishNotReadyAddresses": True}})
    play.run(1)
    assert len(addresses(play)) == 3


def test_endpoints_follow_a_rollout_and_the_selector(play: Play) -> None:
    before = addresses(play)
    play.image(f"{APPS}/deployments/cart", "shop/cart:2")
    play.run(10)
    after = addresses(play)
    assert len(after) == 2
    assert not set(before) & set(after)
    play.patch(f"{CORE}/services/cart", {"spec": {"selector": {"app": "other"}}})
    play.run(1)
    assert addresses(play) == []
    (slice_,) = play.items(SLICES)
    assert slice_["endpoints"] == []


def test_a_pod_that_leaves_serves_while_it_ends(play: Play) -> None:
    pod = play.pods()[0]
    play.ask("DELETE", f"{CORE}/pods/{pod['metadata']['name']}")
    play.tick()
    assert pod["status"]["podIP"] not in addresses(play)
    (slice_,) = play.items(SLICES)
    rows = {row["addresses"][0]: row["conditions"] for row in slice_["endpoints"]}
    assert rows[pod["status"]["podIP"]] == {"ready": False, "serving": True, "terminating": True}


def test_they_go_with_the_service_and_come_back_when_deleted(play: Play) -> None:
    (slice_,) = play.items(SLICES)
    play.ask("DELETE", f"{SLICES}/{slice_['metadata']['name']}")
    play.ask("DELETE", f"{CORE}/endpoints/cart")
    play.run(1)
    assert len(play.items(SLICES)) == len(play.items(f"{CORE}/endpoints")) == 1
    play.ask("DELETE", f"{CORE}/services/cart")
    play.run(1)
    assert play.items(SLICES) == play.items(f"{CORE}/endpoints") == []


def test_named_ports_are_those_of_the_pods() -> None:
    play = Play()
    ports = [{"name": name, "port": at, "targetPort": name} for name, at in (("web", 80), ("none", 81))]
    play.make(service(ports=ports))
    for name, number in (("one", 8080), ("two", 9090)):
        pod = template("cart")
        pod["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": number}]
        pod["metadata"]["name"] = name
        play.make({"apiVersion": "v1", "kind": "Pod", **pod})
    play.run(3)
    subsets = play.ask("GET", f"{CORE}/endpoints/cart")["subsets"]
    assert [subset["ports"] for subset in subsets] == [
        [{"name": "web", "port": 8080, "protocol": "TCP"}],
        [{"name": "web", "port": 9090, "protocol": "TCP"}],
    ]
    assert [row["ports"] for row in sorted(play.items(SLICES), key=lambda row: row["ports"][0]["port"])] == [
        subset["ports"] for subset in subsets
    ]


def test_headless_services_name_their_pods_and_those_without_selector_are_left_alone() -> None:
    play = Play()
    play.make(service(clusterIP="None"))
    play.make(workload("StatefulSet", replicas=1, serviceName="cart"))
    manual = service()
    del manual["spec"]["selector"]
    manual["metadata"]["name"] = "manual"
    play.make(manual)
    play.run(3)
    found = play.ask("GET", f"{CORE}/endpoints/cart")
    assert found["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert found["subsets"][0]["addresses"][0]["hostname"] == "cart-0"
    assert play.try_to("GET", f"{CORE}/endpoints/manual")[0] == 404


def test_zones_and_more_than_a_hundred_pods() -> None:
    placed = node("one")
    placed["metadata"]["labels"]["topology.kubernetes.io/zone"] = "north-1a"
    play = Play(nodes=[placed])
    play.make(service())
    play.make(workload("Deployment", replicas=120))
    play.run(5)
    found = play.items(SLICES)
    assert sorted(len(row["endpoints"]) for row in found) == [20, 100]
    assert {row["zone"] for slice_ in found for row in slice_["endpoints"]} == {"north-1a"}
