"""What becomes of the dependents of a deleted owner: in the background, first, or not at all."""

import pytest

from tests.simcluster.behaviour.playing import APPS, CORE, Json, Play, workload

CART = f"{APPS}/deployments/cart"


@pytest.fixture
def play() -> Play:
    found = Play()
    found.make(workload("Deployment", replicas=2))
    found.run(5)
    return found


def config(name: str, *owners: Json) -> Json:
    rows = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": row["metadata"]["name"],
            "uid": row["metadata"]["uid"],
        }
        for row in owners
    ]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": rows}}


def test_in_the_background_the_owner_goes_first(play: Play) -> None:
    play.ask("DELETE", f"{CART}?propagationPolicy=Background")
    assert play.items(f"{APPS}/deployments") == []
    assert len(play.items(f"{APPS}/replicasets")) == 1
    play.run(5)
    assert play.items(f"{APPS}/replicasets") == []
    assert play.pods() == []


def test_in_the_foreground_the_owner_goes_last(play: Play) -> None:
    play.ask("DELETE", f"{CART}?propagationPolicy=Foreground")
    play.tick()
    assert play.ask("GET", CART)["metadata"]["finalizers"] == ["foregroundDeletion"]
    (left,) = play.items(f"{APPS}/replicasets")
    assert left["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert all("deletionTimestamp" in pod["metadata"] for pod in play.pods())
    play.run(5)
    assert play.try_to("GET", CART)[0] == 404
    assert play.items(f"{APPS}/replicasets") == []
    assert play.pods() == []


def test_an_object_with_two_owners_stays_with_the_other_one() -> None:
    play = Play()
    one, other = (play.make(config(name)) for name in ("one", "other"))
    play.make(config("shared", one, other))
    play.ask("DELETE", f"{CORE}/configmaps/one")
    play.run(2)
    shared = play.ask("GET", f"{CORE}/configmaps/shared")
    assert [row["name"] for row in shared["metadata"]["ownerReferences"]] == ["other"]
    play.ask("DELETE", f"{CORE}/configmaps/other")
    play.run(2)
    assert play.try_to("GET", f"{CORE}/configmaps/shared")[0] == 404


def test_a_namespace_goes_with_all_its_workloads(play: Play) -> None:
    play.ask("DELETE", "/api/v1/namespaces/shop")
    play.run(10)
    assert play.try_to("GET", "/api/v1/namespaces/shop")[0] == 404
    assert play.cluster.store.count("pods") == 0
