"""Coverage by day over REST: sums over what one may see, gaps, files, bad input."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from apps.clusters.models import Cluster
from tests.api.conftest import Speaker
from tests.factories.clusters import cluster as make_cluster
from tests.factories.coverage import ago, covered, registered
from tests.factories.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod() -> Cluster:
    cluster = registered(make_cluster("prod", "production"), 9)
    covered(cluster, 1, sidecar=3, expected=4)
    covered(cluster, 0, sidecar=4, expected=4)
    return cluster


@pytest.fixture
def lab() -> Cluster:
    cluster = registered(make_cluster("edge", "lab"), 9)
    covered(cluster, 1, sidecar=1, expected=4)
    return cluster


def percents(series: Any) -> list[Any]:
    return [day["percent"] for day in series["days"]]


def body(answer: Any) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_the_fleet_and_its_environments(prod: Cluster, lab: Cluster, speaking: Speaker) -> None:
    fleet, production, labs = speaking(person("victor")).get("/api/v1/coverage/").json()["results"]
    assert (percents(fleet), percents(production), percents(labs)) == ([50.0, None], [75, 100], [25, None])
    assert fleet["days"][1] == {
        "day": str(ago(0)), "read": False, "covered": None, "expected": None, "percent": None,
        "total": None, "percent_of_total": None, "by_kind": None, "not_read": ["edge"], "paused": [],
    }  # fmt: skip
    assert (production["environment"], production["days"][0]["by_kind"]) == ("production", {"sidecar": 3})


def test_who_sees_one_environment_sees_its_sums_only(prod: Cluster, lab: Cluster, speaking: Speaker) -> None:
    client = speaking(person("lee", "viewer", environment="production"))
    fleet, production = client.get("/api/v1/coverage/").json()["results"]
    assert percents(fleet) == percents(production) == [75.0, 100.0]
    assert client.get("/api/v1/clusters/edge/coverage/").status_code == 404
    assert client.get("/api/v1/clusters/edge/coverage/export/").status_code == 404
    assert "edge" not in body(client.get("/api/v1/coverage/export/"))


def test_a_stranger_sees_nothing(prod: Cluster, speaking: Speaker) -> None:
    client = speaking(person("eve"))
    assert client.get("/api/v1/coverage/").json()["results"] == []
    assert len(body(client.get("/api/v1/coverage/export/")).splitlines()) == 1  # the head
    assert client.get("/api/v1/clusters/prod/coverage/").status_code == 404


def test_a_cluster_and_one_of_its_namespaces(prod: Cluster, speaking: Speaker) -> None:
    client = speaking(person("quinn", "viewer", namespace="qui*"))
    whole = client.get("/api/v1/clusters/prod/coverage/?days=1").json()
    assert (whole["cluster"], percents(whole)) == ("prod", [100.0])
    quiet = client.get("/api/v1/clusters/prod/coverage/?namespace=quiet").json()
    assert (quiet["namespace"], percents(quiet)) == ("quiet", [None, None])
    assert [day["read"] for day in quiet["days"]] == [True, True]
    refused = client.get("/api/v1/clusters/prod/coverage/?namespace=payments")
    assert refused.status_code == 404
    assert "payments" in refused.json()["detail"]


def test_files(prod: Cluster, lab: Cluster, speaking: Speaker) -> None:
    client = speaking(person("victor"))
    rows = list(csv.DictReader(body(client.get("/api/v1/clusters/prod/coverage/export/")).splitlines()))
    assert [(row["namespace"], row["percent"], row["by_kind"]) for row in rows] == [
        ("", "75.0", "sidecar 3"), ("", "100.0", "sidecar 4"),
        ("payments", "75.0", "sidecar 3"), ("payments", "100.0", "sidecar 4"),
        ("quiet", "", ""), ("quiet", "", ""),
    ]  # fmt: skip
    lines = body(client.get("/api/v1/coverage/export/?as=jsonl&days=1")).splitlines()
    found = [json.loads(line) for line in lines]
    assert [(row["environment"], row["percent"]) for row in found] == [
        ("", None), ("production", 100.0), ("lab", None),
    ]  # fmt: skip
    assert found[0]["not_read"] == ["edge"]


@pytest.mark.parametrize(
    "path", ["coverage/?days=0", "coverage/export/?as=xml", "clusters/prod/coverage/?days=a"]
)
def test_what_cannot_be_is_refused_by_name(prod: Cluster, speaking: Speaker, path: str) -> None:
    answer = speaking(person("victor")).get(f"/api/v1/{path}")
    assert answer.status_code == 400
    assert answer.json()["field"] in {"days", "as"}
