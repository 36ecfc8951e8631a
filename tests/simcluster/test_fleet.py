"""A running fleet: reached over TLS, broken on purpose, and found again after a restart."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from apps.simcluster.access import User
from apps.simcluster.faults import Fault, FaultKind, Match
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet
from tests.factories.fleet import client

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ENTRY = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {"hosts": ["a.example.com"], "resolution": "NONE"},
}
ENTRIES = "/apis/networking.istio.io/v1/namespaces/shop/serviceentries"
READER = User("reader", rules=({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]},))


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    one = ClusterSpec("one", manifests=[NAMESPACE, ENTRY], users=[(READER, None)])
    return [one, ClusterSpec("two", served={"networking.istio.io": ["v1beta1"]})]


def test_clusters_have_their_own_port_authority_and_objects(fleet: SimulatedFleet) -> None:
    one, two = fleet["one"], fleet["two"]
    assert one.port != two.port
    assert one.ca_pem != two.ca_pem
    with client(one) as http_one, client(two) as http_two:
        assert http_one.get(ENTRIES).json()["items"][0]["metadata"]["name"] == "api"
        assert http_two.get(ENTRIES).status_code == 404
        assert http_two.get(ENTRIES.replace("v1/", "v1beta1/", 1)).json()["items"] == []


def test_a_certificate_of_another_authority_is_not_trusted(fleet: SimulatedFleet) -> None:
    context = ssl.create_default_context(cadata=fleet["two"].ca_pem)
    with httpx.Client(verify=context) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get(fleet["one"].url)


def test_users_may_do_what_their_rules_say(sim: SimulatedCluster) -> None:
    with client(sim, "reader") as reader:
        assert reader.get("/api/v1/namespaces").status_code == 200
        refused = reader.get("/api/v1/pods")
    assert refused.status_code == 403
    assert 'User "reader" cannot list resource "pods"' in refused.json()["message"]


def test_the_kubeconfig_names_every_user_and_the_admin_first(sim: SimulatedCluster) -> None:
    config = yaml.safe_load(sim.kubeconfig())
    assert config["current-context"] == "admin@one"
    assert {user["name"] for user in config["users"]} == {"admin@one", "reader@one"}
    assert config["clusters"][0]["cluster"]["server"] == sim.url


def test_a_planned_status_is_given_so_many_times(sim: SimulatedCluster) -> None:
    sim.faults.add(
        Fault(FaultKind.STATUS, Match(method="GET", path="/namespaces"), times=2, status=429, retry_after=1)
    )
    with client(sim) as http:
        answers = [http.get("/api/v1/namespaces") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"


def _patch(http: httpx.Client, host: str) -> httpx.Response:
    headers = {"Content-Type": "application/merge-patch+json"}
    return http.patch(f"{ENTRIES}/api", content=json.dumps({"spec": {"hosts": [host]}}), headers=headers)


def _hosts(cluster: SimulatedCluster) -> Any:
    found = cluster.store.get("serviceentries.networking.istio.io", "shop", "api")
    assert found is not None
    return found["spec"]["hosts"]


def test_a_reset_does_nothing_and_a_lost_answer_has_done_it(sim: SimulatedCluster) -> None:
    with client(sim) as http:
        before = _hosts(sim)
        sim.faults.add(Fault(FaultKind.RESET, Match(method="PATCH")))
        with pytest.raises(httpx.TransportError):
            _patch(http, "reset.example.com")
        assert _hosts(sim) == before
        sim.faults.add(Fault(FaultKind.LOST_ANSWER, Match(method="PATCH")))
        with pytest.raises(httpx.TransportError):
            _patch(http, "lost.example.com")
        assert _hosts(sim) == ["lost.example.com"]


def test_a_truncated_answer_breaks_off_in_the_middle(sim: SimulatedCluster) -> None:
    sim.faults.add(Fault(FaultKind.TRUNCATED, Match(path="/serviceentries")))
    context = ssl.create_default_context(cadata=sim.ca_pem)
    connection = http.client.HTTPSConnection("127.0.0.1", sim.port, context=context, timeout=10)
    connection.request("GET", ENTRIES, headers={"Authorization": f"Bearer {sim.token()}"})
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_a_restart_keeps_objects_tokens_authority_and_port(tmp_path: Path) -> None:
    spec = ClusterSpec("kept", manifests=[NAMESPACE, ENTRY])
    with SimulatedFleet([spec], state_dir=tmp_path) as first:
        was = first["kept"]
        before = (was.port, was.ca_pem, was.token(), was.store.revision)
        with client(was) as http:
            assert _patch(http, "changed.example.com").status_code == 200
    with SimulatedFleet([spec], state_dir=tmp_path) as second:
        now = second["kept"]
        assert not now.seeded
        assert (now.port, now.ca_pem, now.token()) == before[:3]
        assert now.store.revision > before[3]
        assert _hosts(now) == ["changed.example.com"]


def test_a_taken_port_is_replaced_by_a_free_one(fleet: SimulatedFleet) -> None:
    with SimulatedFleet([ClusterSpec("third", port=fleet["one"].port)]) as other:
        assert other["third"].port not in (0, fleet["one"].port)
        with client(other["third"]) as http:
            assert http.get("/readyz").text == "ok"
