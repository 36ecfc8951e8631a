"""The control API over HTTP: what it does to a running fleet, and what it refuses."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apps.simcluster.control import Control
from apps.simcluster.fleet import ClusterSpec, SimulatedFleet
from tests.factories.fleet import client

MAPS = "/api/v1/namespaces/shop/configmaps"
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[SimulatedFleet, Control]]:
    fleet = SimulatedFleet([ClusterSpec("one", manifests=[SHOP]), ClusterSpec("two")])
    control = Control(fleet)
    with fleet:
        yield fleet, control


@pytest.fixture
def fleet(running: tuple[SimulatedFleet, Control]) -> SimulatedFleet:
    return running[0]


@pytest.fixture
def control(running: tuple[SimulatedFleet, Control]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {running[1].token}"}
    with httpx.Client(base_url=running[1].url, headers=headers) as http:
        yield http
        assert http.post("/reset").status_code == 200


def listed(fleet: SimulatedFleet, name: str = "one") -> int:
    with client(fleet[name]) as http:
        return http.get(MAPS).status_code


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "Basic wrong"])
def test_nobody_gets_in_without_the_token(running: tuple[SimulatedFleet, Control], given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    answer = httpx.get(f"{running[1].url}/clusters", headers=headers)
    assert answer.status_code == 401
    assert "token of the ready file" in answer.json()["error"]


def test_it_listens_on_loopback_only(running: tuple[SimulatedFleet, Control]) -> None:
    assert running[1].url.startswith("http://127.0.0.1:")


def test_the_clusters_are_listed_with_their_state(fleet: SimulatedFleet, control: httpx.Client) -> None:
    one, two = control.get("/clusters").json()["clusters"]
    assert (one["name"], one["url"], two["name"]) == ("one", fleet["one"].url, "two")
    assert (one["outage"], one["revoked"], one["skew_seconds"], one["faults"]) == ("none", [], 0, [])
    assert control.get("/clusters/one").json()["certificate"] == one["certificate"]


def test_a_fault_is_added_hits_its_cluster_and_is_removed(
    fleet: SimulatedFleet, control: httpx.Client
) -> None:
    fault: dict[str, Any] = {"kind": "status", "match": {"verb": "list"}, "times": None, "status": 500}
    added = control.post("/clusters/one/faults", json=fault)
    assert added.status_code == 201
    assert (listed(fleet), listed(fleet, "two")) == (500, 200)
    where = f"/clusters/one/faults/{added.json()['id']}"
    found = control.get(where).json()
    assert (found["hits"], found["spent"], found["fault"]) == (1, False, fault)
    assert control.get("/clusters/one/faults").json()["faults"] == [found]
    assert control.delete(where).status_code == 200
    assert control.get(where).status_code == 404
    assert listed(fleet) == 200


def test_all_faults_of_a_cluster_are_removed_at_once_and_an_outage_stays(
    fleet: SimulatedFleet, control: httpx.Client
) -> None:
    control.put("/clusters/one/outage", json={"outage": "overloaded"})
    for _ in range(2):
        control.post("/clusters/one/faults", json={"kind": "reset", "times": None})
    assert control.delete("/clusters/one/faults").json() == {"faults": []}
    assert listed(fleet) == 429
    assert control.put("/clusters/one/outage", json={"outage": "none"}).json()["outage"] == "none"
    assert listed(fleet) == 200


def test_tokens_are_revoked_and_restored(fleet: SimulatedFleet, control: httpx.Client) -> None:
    assert control.post("/clusters/one/tokens/admin/revoke").json()["revoked"] == ["admin"]
    assert listed(fleet) == 401
    assert control.post("/clusters/one/tokens/admin/restore").json()["revoked"] == []
    assert control.post("/clusters/one/tokens/*/revoke").json()["revoked"] == ["*"]
    assert listed(fleet) == 401


def test_the_certificate_is_rotated(fleet: SimulatedFleet, control: httpx.Client) -> None:
    first, ca = control.get("/clusters/one").json()["certificate"], fleet["one"].ca_pem
    for authority, same_ca in (("same", True), ("new", False)):
        answer = control.post("/clusters/one/certificate/rotate", json={"authority": authority})
        assert answer.json()["certificate"]["sha256"] != first["sha256"]
        assert (fleet["one"].ca_pem == ca) is same_ca
        assert listed(fleet) == 200
    assert control.post("/clusters/one/reset").json()["certificate"] == first


def test_the_clock_is_skewed(fleet: SimulatedFleet, control: httpx.Client) -> None:
    answer = control.put("/clusters/one/clock", json={"skew_seconds": -90.5})
    assert answer.json()["skew_seconds"] == fleet["one"].skew_seconds == -90.5


def test_what_was_asked_is_told_since_a_number(fleet: SimulatedFleet, control: httpx.Client) -> None:
    last = control.get("/clusters/one/requests").json()["last"]
    listed(fleet)
    with client(fleet["one"]) as http:
        http.get("/version?pretty=1")
    told = control.get(f"/clusters/one/requests?since={last}").json()
    assert told == {
        "last": last + 2,
        "requests": [
            {"number": last + 1, "method": "GET", "path": MAPS},
            {"number": last + 2, "method": "GET", "path": "/version?pretty=1"},
        ],
    }


def test_the_history_is_compacted(fleet: SimulatedFleet, control: httpx.Client) -> None:
    with client(fleet["one"]) as http:
        old = http.get(MAPS).json()["metadata"]["resourceVersion"]
        http.post(MAPS, json={"metadata": {"name": "new"}}).raise_for_status()
        assert control.post("/clusters/one/compact").status_code == 200
        exact = {"resourceVersion": old, "resourceVersionMatch": "Exact", "limit": "1"}
        assert http.get(MAPS, params=exact).status_code == 410


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/faults", "{", 400, "The body is no JSON"),
        ("POST", "/faults", "", 400, "The body is no JSON"),
        ("POST", "/faults", "[]", 422, "Expected `object`, got `array`"),
        ("POST", "/faults", "{}", 422, "missing required field `kind`"),
        ("POST", "/faults", '{"kind":"fire"}', 422, "`$.kind`"),
        ("POST", "/faults", '{"kind":"reset","tmes":2}', 422, "unknown field `tmes`"),
        ("POST", "/faults", '{"kind":"reset","times":0}', 422, "`$.times`"),
        ("POST", "/faults", '{"kind":"reset","probability":1.5}', 422, "`$.probability`"),
        ("POST", "/faults", '{"kind":"reset","seconds":-1}', 422, "`$.seconds`"),
        ("POST", "/faults", '{"kind":"status","status":99}', 422, "`$.status`"),
        ("POST", "/faults", '{"kind":"reset","match":{"verb":"steal"}}', 422, "`$.match.verb`"),
        ("POST", "/faults", '{"kind":"reset","match":{"method":"get"}}', 422, "`$.match.method`"),
        ("POST", "/faults", '{"kind":"reset","match":{"colour":"red"}}', 422, "unknown field `colour`"),
        (
            "POST",
            "/faults",
            '{"kind":"watch-closed","match":{"verb":"get"}}',
            422,
            "match.verb must be watch",
        ),
        ("GET", "/faults/99", "", 404, "no fault '99' on one"),
        ("DELETE", "/faults/99", "", 404, "no fault '99' on one"),
        ("PUT", "/outage", '{"outage":"fire"}', 422, "`$.outage`"),
        ("PUT", "/outage", "{}", 422, "missing required field `outage`"),
        ("POST", "/tokens/nobody/revoke", "", 404, "no user 'nobody' on one, only admin"),
        ("POST", "/tokens/admin/borrow", "", 404, "There is no POST"),
        ("POST", "/certificate/rotate", '{"authority":"mine"}', 422, "`$.authority`"),
        ("PUT", "/clock", '{"skew_seconds":"1"}', 422, "`$.skew_seconds`"),
        ("PUT", "/clock", '{"skew_seconds":1e12}', 422, "`$.skew_seconds`"),
        ("GET", "/requests?since=new", "", 422, "since must be a number"),
        ("GET", "/weather", "", 404, "There is no GET"),
        ("PATCH", "", "", 404, "There is no PATCH"),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence_and_changes_nothing(
    control: httpx.Client, method: str, path: str, body: str, status: int, says: str
) -> None:
    before = control.get("/clusters/one").json()
    answer = control.request(method, f"/clusters/one{path}", content=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert control.get("/clusters/one").json() == before


def test_an_unknown_cluster_is_named_with_those_there_are(control: httpx.Client) -> None:
    answer = control.get("/clusters/three")
    assert answer.status_code == 404
    assert answer.json()["error"] == "There is no cluster 'three', only one, two."
