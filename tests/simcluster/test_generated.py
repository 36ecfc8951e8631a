"""Ranges in names and cycled choices of a scenario file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.simcluster.scenario import Scenario, ScenarioError, load, load_fleet

GOOD: dict[str, Any] = {
    "name": "tiny",
    "environment": "lab",
    "region": "eu-central-1",
    "owner_team": "platform",
    "kubernetes_version": "v1.32.9",
    "served_versions": {"networking.istio.io": ["v1"]},
    "nodes": 1,
    "users": [{"name": "console-reader", "role": "reader"}],
}
ENTRY = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry"}


def write(folder: Path, **content: object) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(GOOD | content, sort_keys=False), encoding="utf-8")
    return path


def named(scenario: Scenario, kind: str, namespace: str = "") -> list[str]:
    metas = [row["metadata"] for row in scenario.manifests if row["kind"] == kind]
    return [meta["name"] for meta in metas if not namespace or meta.get("namespace") == namespace]


def test_a_range_in_a_name_stands_for_each_of_its_numbers(tmp_path: Path) -> None:
    spaces = {"shop-{08..11}": {"workloads": {"api-{1..2}": {"replicas": 3}, "web": {"replicas": 0}}}}
    scenario = load(write(tmp_path, namespaces=spaces))
    shops = [name for name in named(scenario, "Namespace") if name.startswith("shop")]
    assert shops == ["shop-08", "shop-09", "shop-10", "shop-11"]
    assert named(scenario, "Deployment", "shop-09") == ["api-1", "api-2", "web"]
    assert len(named(scenario, "Pod")) == 4 * 2 * 3


def test_objects_rows_and_texts_in_lists_are_numbered_too(tmp_path: Path) -> None:
    entry = ENTRY | {
        "metadata": {"name": "partner-{1..2}", "labels": {"partner": "no-{#}"}},
        "spec": {"hosts": ["api-{1..3}.partner-{#}.example"], "ports": [{"name": "p-{5..6}", "number": 1}]},
    }
    shop = {"sidecars": {"part-{1..2}": {"hosts": ["./*"]}}, "objects": [entry]}
    scenario = load(write(tmp_path, namespaces={"shop": shop}))
    assert named(scenario, "Sidecar") == ["part-1", "part-2"]
    first, second = (row for row in scenario.manifests if row["kind"] == "ServiceEntry")
    assert first["spec"]["hosts"] == [f"api-{n}.partner-1.example" for n in (1, 2, 3)]
    assert [port["name"] for port in first["spec"]["ports"]] == ["p-5", "p-6"]
    assert second["metadata"]["labels"] == {"partner": "no-2"}


def test_the_number_is_that_of_the_nearest_range(tmp_path: Path) -> None:
    spaces = {
        "shop-{1..2}": {
            "labels": {"team": "team-{#}"},
            "workloads": {"api-{7..8}": {"labels": {"cell": "cell-{#}"}}, "web": {"labels": {"cell": "{#}"}}},
        }
    }
    scenario = load(write(tmp_path, namespaces=spaces))
    metas = [row["metadata"] for row in scenario.manifests if row["kind"] == "Deployment"]
    cells = {(meta["namespace"], meta["name"]): meta["labels"]["cell"] for meta in metas}
    assert cells["shop-2", "api-7"] == "cell-7"
    assert cells["shop-2", "web"] == "2"


def test_a_list_is_cycled_over_the_workloads_of_the_file(tmp_path: Path) -> None:
    spaces = {
        "shop-{1..2}": {
            "labels": {"tier": ["gold", "silver"]},
            "defaults": {"tag": ["a", "b", "b"], "port": 81},
            "workloads": {"api-{1..2}": {"replicas": [1, 2], "labels": {"ring": ["x", "y", "z"]}}},
        }
    }
    scenario = load(write(tmp_path, namespaces=spaces))
    rows = [row for row in scenario.manifests if row["kind"] == "Deployment"]
    images = [row["spec"]["template"]["spec"]["containers"][0]["image"][-1] for row in rows]
    assert images == ["a", "b", "b", "a"]
    assert [row["spec"]["replicas"] for row in rows] == [1, 2, 1, 2]
    assert [row["metadata"]["labels"]["ring"] for row in rows] == ["x", "y", "z", "x"]
    shops = [row for row in scenario.manifests if row["metadata"]["name"] in ("shop-1", "shop-2")]
    assert [row["metadata"]["labels"]["tier"] for row in shops] == ["gold", "silver"]


def test_a_range_in_the_cluster_name_makes_a_fleet(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        name="edge-{09..11}",
        region=["eu-central-1", "us-east-1"],
        labels={"site": "site-{#}"},
        namespaces={"pos": {"workloads": {"till-{1..2}": {"replicas": 1}}}},
    )
    fleet = list(load_fleet(path))
    assert [scenario.name for scenario in fleet] == ["edge-09", "edge-10", "edge-11"]
    assert [scenario.region for scenario in fleet] == ["eu-central-1", "us-east-1", "eu-central-1"]
    assert fleet[1].labels == {"site": "site-10"}
    uids = {row["metadata"]["uid"] for scenario in fleet for row in scenario.manifests}
    assert len(uids) == sum(len(scenario.manifests) for scenario in fleet)
    with pytest.raises(ScenarioError, match=r"tiny\.yaml: name: describes several clusters"):
        load(path)


@pytest.mark.parametrize(
    ("content", "field", "sentence"),
    [
        ({"namespaces": {"shop-{9..1}": {}}}, "namespaces.shop-{9..1}", "has a range that counts down"),
        ({"namespaces": {"shop-{1..x}": {}}}, "namespaces.shop-{1..x}", "has a range that cannot be read"),
        ({"namespaces": {"a-{1..2}-{1..2}": {}}}, "namespaces.a-{1..2}-{1..2}", "has two ranges"),
        ({"namespaces": {"a-{0..10000}": {}}}, "namespaces.a-{0..10000}", "more than 10000 numbers"),
        (
            {"namespaces": {"a-{1..300}": {"workloads": {"w-{1..300}": {}}}}},
            "namespaces.a-{1..300}.workloads.w-{1..300}",
            "more than 50000 entries, which is the limit",
        ),
        (
            {"namespaces": {"a-{1..50}": {"workloads": {"w-{1..6}": {"replicas": 200}}}}},
            "namespaces",
            "describes 60000 pods; the limit is 50000",
        ),
        ({"name": "edge-{1..201}"}, "name", "describes 201 clusters; the limit is 200"),
        ({"namespaces": {"a-2": {}, "a-{1..3}": {}}}, "namespaces.a-{1..3}", "names 'a-2', which is there"),
        (
            {"namespaces": {"a": {"workloads": {"w": {"speedscale": []}}}}},
            "namespaces.a.workloads.w.speedscale",
            "must list at least one value to choose from",
        ),
        (
            {"namespaces": {"a-{1..2}": {"workloads": {"w-{1..2}": {"speedscale": ["none", "odd"]}}}}},
            "namespaces.a-1.workloads.w-2.speedscale",
            "must be one of none",
        ),
    ],
)
def test_a_mistake_is_named_by_file_field_and_sentence(
    tmp_path: Path, content: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        list(load_fleet(write(tmp_path, **content)))
    assert str(caught.value).startswith(f"tiny.yaml: {field}: ")
    assert sentence in str(caught.value)
