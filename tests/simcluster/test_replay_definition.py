"""Speedscale's TrafficReplay, served by the definition that the scenarios install."""

import json
from typing import Any

import pytest

from apps.simcluster.access import MASTERS, User
from apps.simcluster.cluster import Cluster, new_cluster
from apps.simcluster.handling import handle
from apps.simcluster.messages import Request, Response
from apps.simcluster.seeding import seed
from apps.simcluster.shapes.replay_definition import NAME, replay_definition
from apps.simcluster.store import Store

PATH = "/apis/speedscale.com/v1/namespaces/shop/trafficreplays"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
SPEC: dict[str, Any] = {"snapshotID": "s-1", "testConfigID": "standard", "mode": "full-replay"}


@pytest.fixture
def cluster() -> Cluster:
    made = new_cluster("replays", Store(), [("token", User("admin", groups=(MASTERS,)))])
    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    seed(made, [replay_definition({"name": NAME}), shop])
    return made


def ask(cluster: Cluster, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    sent = {"authorization": "Bearer token", "content-type": "application/json", **headers}
    data = b"" if body is None else json.dumps(body).encode()
    answer = handle(cluster, Request(method, path, {}, sent, data))
    assert isinstance(answer, Response)
    return answer.status, json.loads(answer.body)


def replay(**spec: Any) -> dict[str, Any]:
    meta = {"name": "nightly"}
    return {"apiVersion": "speedscale.com/v1", "kind": "TrafficReplay", "metadata": meta, "spec": spec}


def test_a_replay_is_taken_and_its_status_is_written_apart(cluster: Cluster) -> None:
    status, made = ask(cluster, "POST", PATH, {**replay(**SPEC), "status": {"active": True}})
    assert status == 201
    assert "status" not in made
    conditions = [
        {"type": "Running", "status": "False", "message": "Replay has run"},
        {"type": "Ready", "status": "True", "reason": "TestSucceeded", "message": "Test passed"},
    ]
    change = {"status": {"active": False, "conditions": conditions}}
    merge = {"content-type": "application/merge-patch+json"}
    assert ask(cluster, "PATCH", f"{PATH}/nightly/status", change, **merge)[0] == 200
    _, table = ask(cluster, "GET", PATH, accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Active", "Mode", "Status"]
    assert table["rows"][0]["cells"] == ["nightly", False, "full-replay", "Test passed"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"snapshotID": None}, "spec.snapshotID"),
        ({"testConfigID": None}, "spec.testConfigID"),
        ({"mode": "half-replay"}, "spec.mode"),
        ({"cleanup": "some"}, "spec.cleanup"),
        ({"workloads": [{"ref": {"name": "cart"}, "routing": "magic"}]}, "spec.workloads[0].routing"),
        ({"workloads": [{"ref": {"kind": "Deployment"}}]}, "spec.workloads[0].ref.name"),
    ],
)
def test_what_the_definition_forbids_is_refused(cluster: Cluster, change: dict[str, Any], field: str) -> None:
    spec = {name: value for name, value in {**SPEC, **change}.items() if value is not None}
    status, answer = ask(cluster, "POST", PATH, replay(**spec))
    assert status == 422
    assert field in [cause["field"] for cause in answer["details"]["causes"]]


def test_what_is_left_out_is_filled_in(cluster: Cluster) -> None:
    status, made = ask(cluster, "POST", PATH, replay(**SPEC, workloads=[{"ref": {"name": "cart"}}]))
    assert (status, made["spec"]["workloads"][0]["ref"]["kind"]) == (201, "Deployment")
    merge = {"content-type": "application/merge-patch+json"}
    _, changed = ask(cluster, "PATCH", f"{PATH}/nightly/status", {"status": {"active": True}}, **merge)
    assert changed["status"] == {"active": True, "observedGeneration": -1}


def test_members_nobody_stated_are_kept(cluster: Cluster) -> None:
    status, made = ask(cluster, "POST", PATH, replay(**SPEC, collectLogs=True))
    assert (status, made["spec"]["collectLogs"]) == (201, True)


def test_kubectl_finds_it_by_its_short_name(cluster: Cluster) -> None:
    _, found = ask(cluster, "GET", "/apis/speedscale.com/v1")
    entry = next(item for item in found["resources"] if item["name"] == "trafficreplays")
    assert entry["shortNames"] == ["replay"]
    assert "trafficreplays/status" in [item["name"] for item in found["resources"]]
