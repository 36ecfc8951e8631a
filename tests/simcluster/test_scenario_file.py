"""A scenario file that cannot be used says in one sentence where and why."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.scenario import SCENARIOS, ScenarioError, load
from apps.simcluster.shapes.capture import SpeedscaleState
from apps.simcluster.shapes.mesh import IstioState

GOOD: dict[str, Any] = {
    "name": "tiny",
    "environment": "lab",
    "region": "eu-central-1",
    "owner_team": "platform",
    "kubernetes_version": "v1.32.9",
    "served_versions": {"networking.istio.io": ["v1"]},
    "users": [{"name": "console-reader", "role": "reader"}],
    "namespaces": {"shop": {"workloads": {"cart": {"replicas": 1}}}},
}
ENTRY = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "bank"}}


def write(folder: Path, content: object) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def shop(**fields: object) -> dict[str, Any]:
    return GOOD | {"namespaces": {"shop": fields}}


def test_a_cluster_without_istio_and_speedscale_is_a_cluster(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, GOOD))
    kinds = {manifest["kind"] for manifest in scenario.manifests}
    assert "MutatingWebhookConfiguration" not in kinds
    assert {"Namespace", "Node", "Deployment", "Pod"} <= kinds


def test_controllers_run_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD)).behaviour == Behaviour(workloads=True, pod_start=0.5, pod_stop=1.0)
    told = GOOD | {"behaviour": {"workloads": False, "pod_start": 2, "pod_stop": 0.25}}
    assert load(write(tmp_path, told)).behaviour == Behaviour(workloads=False, pod_start=2, pod_stop=0.25)


@pytest.mark.parametrize(
    ("content", "field", "sentence"),
    [
        (GOOD | {"nmae": "x"}, "nmae", "is not a field of this place"),
        (GOOD | {"name": 7}, "name", "must be text, not a number"),
        ({key: value for key, value in GOOD.items() if key != "region"}, "region", "is missing"),
        (GOOD | {"behaviour": {"pod_start": -1}}, "behaviour.pod_start", "must be a number of seconds"),
        (GOOD | {"behaviour": {"workloads": 1}}, "behaviour.workloads", "must be true or false"),
        (GOOD | {"behaviour": {"speed": 2}}, "behaviour.speed", "is not a field of this place"),
        (GOOD | {"nodes": 0}, "nodes", "must be a whole number from 1 to 200"),
        (GOOD | {"nodes": True}, "nodes", "must be a whole number"),
        (GOOD | {"namespaces": ["shop"]}, "namespaces", "must be a mapping of names to values, not a list"),
        (GOOD | {"users": []}, "users", "must list at least one user"),
        (GOOD | {"users": [{"name": "a"}]}, "users[0].role", "is missing; give a role"),
        (GOOD | {"users": [{"name": "a", "role": "king"}]}, "users[0].role", "must be one of reader, writer"),
        (GOOD | {"istio": {"revisions": []}}, "istio.revisions", "must list at least one control plane"),
        (
            GOOD | {"istio": {"revisions": [{"name": "a", "version": "1.27.3"}], "tags": {"stable": "b"}}},
            "istio.tags.stable",
            "points to revision 'b', which is not in this file",
        ),
        (
            shop(workloads={"cart": {"replicas": "three"}}),
            "namespaces.shop.workloads.cart.replicas",
            "must be a whole number from 0 to 200",
        ),
        (
            shop(workloads={"cart": {"speedscale": "maybe"}}),
            "namespaces.shop.workloads.cart.speedscale",
            "must be one of none, injected",
        ),
        (shop(workloads={"cart": {"image": None, "kindd": "Job"}}), "cart.kindd", "is not a field"),
        (shop(defaults={"istio": "yes"}), "namespaces.shop.defaults.istio", "must be one of auto"),
        (shop(labels={"team": True}), "namespaces.shop.labels.team", "must be text, not true or false"),
        (
            shop(replays=[{"name": "a", "workload": "gone"}]),
            "namespaces.shop.replays[0].workload",
            "names 'gone', which is not a workload of this namespace",
        ),
        (
            shop(sidecars={"default": {"policy": "REGISTRY"}}),
            "namespaces.shop.sidecars.default.policy",
            "must be ALLOW_ANY or REGISTRY_ONLY",
        ),
        (
            shop(objects=[ENTRY | {"apiVersion": "networking.istio.io/v1alpha3"}]),
            "namespaces.shop.objects[0].apiVersion",
            "is not among the served_versions",
        ),
        (
            shop(objects=[ENTRY | {"metadata": {"name": "bank", "namespace": "other"}}]),
            "namespaces.shop.objects[0].metadata.namespace",
            "must be 'shop'",
        ),
        (
            shop(objects=[ENTRY | {"fieldManager": {"name": "me", "operation": "Patch"}}]),
            "namespaces.shop.objects[0].fieldManager.operation",
            "must be Update or Apply",
        ),
        (shop(objects=[ENTRY, ENTRY]), "namespaces.shop", "has two objects ServiceEntry 'bank'"),
        ("[1, 2]", "the file", "must be a mapping"),
        ("name: a\nname: b\n", "line 2", "the key 'name' stands twice in one mapping"),
        ("name: [a", "line", "is not valid YAML"),
    ],
)
def test_a_mistake_is_named_by_file_field_and_sentence(
    tmp_path: Path, content: object, field: str, sentence: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(write(tmp_path, content))
    text = str(caught.value)
    assert text.startswith("tiny.yaml: ")
    assert field in text
    assert sentence in text


def test_a_time_in_a_verbatim_object_stays_the_text_it_is(tmp_path: Path) -> None:
    # Written without quotes, as kubectl prints it.
    objects = """
      - apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: bank, creationTimestamp: 2026-01-02T03:04:05Z}
        spec: {hosts: [api.bank.example]}
"""
    text = yaml.safe_dump({key: value for key, value in GOOD.items() if key != "namespaces"})
    path = write(tmp_path, f"{text}namespaces:\n  shop:\n    objects:{objects}")
    entry = next(row for row in load(path).manifests if row["kind"] == "ServiceEntry")
    assert entry["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert entry["metadata"]["namespace"] == "shop"
    assert "fieldManager" not in entry


def test_the_example_in_the_description_of_scenario_files_is_a_scenario(tmp_path: Path) -> None:
    text = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    scenario = load(write(tmp_path, example))
    names = {manifest["metadata"]["name"] for manifest in scenario.manifests}
    assert {"checkout-api", "ledger", "bank", "regression", "istio-revision-tag-stable"} <= names
    assert scenario.managers["ServiceEntry", "checkout", "bank"].name == "argocd-controller"


def test_the_description_of_scenario_files_explains_every_state_a_workload_can_be_in() -> None:
    text = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    assert [state for state in (*IstioState, *SpeedscaleState) if f"`{state}`" not in text] == []
