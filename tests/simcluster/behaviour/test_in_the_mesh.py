"""Rollouts in a cluster with Istio: new pods pass the injector, and wait for it when it is away."""

import pytest

from apps.simcluster.scenario import SCENARIOS, load
from tests.simcluster.behaviour.playing import Play, condition

BANNERS = "/apis/apps/v1/namespaces/storefront/deployments/banners"
SETS = "/apis/apps/v1/namespaces/storefront/replicasets"
ISTIOD = "/apis/apps/v1/namespaces/istio-system/deployments/istiod-1-27-3"
RESTART = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}


@pytest.fixture
def play() -> Play:
    return Play(scenario=load(SCENARIOS / "lab-us.yaml"))


def proxies(play: Play) -> list[bool]:
    pods = play.items("/api/v1/namespaces/storefront/pods?labelSelector=app%3Dbanners")
    inits = [[row["name"] for row in pod["spec"]["initContainers"]] for pod in pods]
    return ["istio-proxy" in names for names in inits]


def test_restarted_pods_are_injected(play: Play) -> None:
    before = play.ask("GET", BANNERS)["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    play.patch(BANNERS, RESTART)
    play.run(10)
    deployment = play.ask("GET", BANNERS)
    number = deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    assert int(number) == int(before) + 1
    assert deployment["status"]["updatedReplicas"] == deployment["status"]["availableReplicas"] == 2
    assert proxies(play) == [True, True]


def test_without_the_injector_a_rollout_waits_and_says_why(play: Play) -> None:
    play.patch(f"{ISTIOD}/scale", {"spec": {"replicas": 0}})
    play.run(3)
    play.patch(BANNERS, RESTART)
    play.run(5)
    deployment = play.ask("GET", BANNERS)
    failure = condition(deployment, "ReplicaFailure")
    assert failure is not None
    assert failure["reason"] == "FailedCreate"
    assert 'no endpoints available for service "istiod-1-27-3"' in failure["message"]
    assert deployment["status"]["availableReplicas"] == 2
    play.patch(f"{ISTIOD}/scale", {"spec": {"replicas": 1}})
    play.run(40)
    deployment = play.ask("GET", BANNERS)
    assert condition(deployment, "ReplicaFailure") is None
    assert deployment["status"]["updatedReplicas"] == deployment["status"]["availableReplicas"] == 2
    assert proxies(play) == [True, True]
