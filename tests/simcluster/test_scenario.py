"""The demonstration fleet: what its four scenario files promise."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from apps.simcluster.scenario import ALWAYS_THERE, BASE_TIME, SCENARIOS, Scenario, load, write_manifests
from apps.simcluster.shapes.meta import Manifest

NAMES = ("prod-eu-1", "staging-eu", "lab-us", "edge-small")
SMALL_CLUSTER = 400
KINDS = {
    "apps/v1": {"ControllerRevision", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"},
    "batch/v1": {"Job", "CronJob"},
    "v1": {"Namespace", "Node", "Pod", "Service", "ServiceAccount", "ConfigMap", "Endpoints"},
    "admissionregistration.k8s.io/v1": {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition"},
    "discovery.k8s.io/v1": {"EndpointSlice"},
    "speedscale.com/v1": {"TrafficReplay"},
}
ISTIO_KINDS = {
    "networking.istio.io": {"ServiceEntry", "Sidecar", "VirtualService", "DestinationRule", "Gateway"},
    "security.istio.io": {"PeerAuthentication", "AuthorizationPolicy"},
}
# The example on Speedscale's Istio page.
NINE_HOSTS = [
    "app.speedscale.com",
    "downloads.speedscale.com",
    "firehose.us-east-1.amazonaws.com",
    "sqs.us-east-1.amazonaws.com",
    "sns.us-east-1.amazonaws.com",
    "s3.us-east-1.amazonaws.com",
    "*.s3.us-east-1.amazonaws.com",
    "sts.amazonaws.com",
    "sts.us-east-1.amazonaws.com",
]


@pytest.fixture(scope="module")
def fleet() -> dict[str, Scenario]:
    return {name: load(SCENARIOS / f"{name}.yaml") for name in NAMES}


def each(fleet: dict[str, Scenario]) -> Iterator[tuple[Scenario, Manifest]]:
    for scenario in fleet.values():
        for manifest in scenario.manifests:
            yield scenario, manifest


def one(scenario: Scenario, kind: str, namespace: str, name: str) -> Manifest:
    found = [
        manifest
        for manifest in scenario.manifests
        if manifest["kind"] == kind
        and manifest["metadata"]["name"] == name
        and manifest["metadata"].get("namespace", "") == namespace
    ]
    assert len(found) == 1, (kind, namespace, name, len(found))
    return found[0]


def workloads(scenario: Scenario) -> list[Manifest]:
    kinds = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
    return [
        manifest
        for manifest in scenario.manifests
        if manifest["kind"] in kinds and "ownerReferences" not in manifest["metadata"]
    ]


def test_the_fleet_is_the_four_files_of_the_folder_each_named_after_its_cluster(
    fleet: dict[str, Scenario],
) -> None:
    assert {path.stem for path in SCENARIOS.glob("*.yaml")} == set(NAMES)
    assert {scenario.name for scenario in fleet.values()} == set(NAMES)


def test_the_fleet_has_some_forty_namespaces_and_three_hundred_workloads(fleet: dict[str, Scenario]) -> None:
    namespaces = [
        manifest["metadata"]["name"]
        for _, manifest in each(fleet)
        if manifest["kind"] == "Namespace" and manifest["metadata"]["name"] not in ALWAYS_THERE
    ]
    assert 36 <= len(namespaces) <= 48
    assert 270 <= sum(len(workloads(scenario)) for scenario in fleet.values()) <= 330


def test_every_object_is_of_a_kind_and_version_that_its_cluster_serves(fleet: dict[str, Scenario]) -> None:
    for scenario, manifest in each(fleet):
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        group, _, version = api_version.rpartition("/")
        if group in ISTIO_KINDS:
            assert kind in ISTIO_KINDS[group]
            assert version in scenario.served_versions[group]
        else:
            assert kind in KINDS[api_version]
        if group == "speedscale.com":
            assert group in scenario.served_versions


def test_every_name_and_uid_is_used_once_and_every_namespace_exists(fleet: dict[str, Scenario]) -> None:
    for scenario in fleet.values():
        metas = [(manifest["kind"], manifest["metadata"]) for manifest in scenario.manifests]
        keys = Counter((kind, meta.get("namespace", ""), meta["name"]) for kind, meta in metas)
        uids = Counter(meta["uid"] for _, meta in metas)
        assert [key for key, count in keys.items() if count > 1] == []
        assert [uid for uid, count in uids.items() if count > 1] == []
        known = {meta["name"] for kind, meta in metas if kind == "Namespace"} | {""}
        assert {meta.get("namespace", "") for _, meta in metas} <= known


def test_every_owner_reference_leads_to_an_object_of_that_kind_name_and_uid(
    fleet: dict[str, Scenario],
) -> None:
    followed = 0
    for scenario in fleet.values():
        by_uid = {manifest["metadata"]["uid"]: manifest for manifest in scenario.manifests}
        for manifest in scenario.manifests:
            for reference in manifest["metadata"].get("ownerReferences", []):
                owner = by_uid[reference["uid"]]
                assert (owner["apiVersion"], owner["kind"]) == (reference["apiVersion"], reference["kind"])
                assert owner["metadata"]["name"] == reference["name"]
                assert owner["metadata"]["namespace"] == manifest["metadata"]["namespace"]
                assert owner["metadata"]["creationTimestamp"] <= manifest["metadata"]["creationTimestamp"]
                followed += 1
            if manifest["kind"] in {"Pod", "ReplicaSet"}:
                assert manifest["metadata"]["ownerReferences"]
    assert followed > 800


def test_every_selector_selects_the_pods_of_its_own_controller(fleet: dict[str, Scenario]) -> None:
    for scenario in fleet.values():
        pods = [manifest for manifest in scenario.manifests if manifest["kind"] == "Pod"]
        for controller in scenario.manifests:
            if controller["kind"] not in {"ReplicaSet", "StatefulSet", "DaemonSet"}:
                continue
            wanted = controller["spec"]["selector"]["matchLabels"].items()
            template = controller["spec"]["template"]["metadata"]["labels"]
            assert wanted <= template.items()
            owned = [
                pod
                for pod in pods
                if pod["metadata"]["ownerReferences"][0]["uid"] == controller["metadata"]["uid"]
            ]
            assert all(wanted <= pod["metadata"]["labels"].items() for pod in owned)
            expected = controller["status"].get(
                "replicas", controller["status"].get("currentNumberScheduled")
            )
            assert len(owned) == expected


def test_every_service_has_its_own_address_and_every_pod_runs_on_a_node(fleet: dict[str, Scenario]) -> None:
    for scenario in fleet.values():
        services = [manifest for manifest in scenario.manifests if manifest["kind"] == "Service"]
        addresses = [row["spec"]["clusterIP"] for row in services if row["spec"]["clusterIP"] != "None"]
        assert len(set(addresses)) == len(addresses)
        nodes = {row["metadata"]["name"] for row in scenario.manifests if row["kind"] == "Node"}
        pods = [row for row in scenario.manifests if row["kind"] == "Pod"]
        assert {pod["spec"]["nodeName"] for pod in pods} <= nodes
        inside = [pod["status"]["podIP"] for pod in pods if not pod["spec"].get("hostNetwork")]
        assert len(set(inside)) == len(inside)


def test_what_is_loaded_survives_yaml_and_json(fleet: dict[str, Scenario], tmp_path: Path) -> None:
    for whole in fleet.values():
        # Of the two large clusters without what controllers make: ten seconds less.
        small = len(whole.manifests) < SMALL_CLUSTER
        kept = [row for row in whole.manifests if small or "ownerReferences" not in row["metadata"]]
        scenario = replace(whole, manifests=kept)
        path = write_manifests(scenario, tmp_path)
        assert path.name == f"{scenario.name}.yaml"
        with path.open(encoding="utf-8") as stream:
            read = list(yaml.load_all(stream, Loader=yaml.CSafeLoader))
        # Times that nobody quoted would come back as dates, names that look like numbers as numbers.
        assert json.dumps(read) == json.dumps(scenario.manifests)


def test_no_two_objects_share_a_part_that_can_be_changed() -> None:
    scenario = load(SCENARIOS / "edge-small.yaml")
    seen: set[int] = set()

    def walk(value: object) -> None:
        if not isinstance(value, dict | list) or not value:
            return
        assert id(value) not in seen
        seen.add(id(value))
        for child in value.values() if isinstance(value, dict) else value:
            walk(child)

    for manifest in scenario.manifests:
        walk(manifest)


def test_a_scenario_is_the_same_at_every_load_and_ages_count_back_from_the_given_moment() -> None:
    path = SCENARIOS / "staging-eu.yaml"
    first, second = load(path), load(path)
    assert first == second
    later = load(path, base=BASE_TIME + timedelta(days=1))
    for before, after in zip(first.manifests, later.manifests, strict=True):
        if before["kind"] in {"Job", "Pod"}:  # a CronJob's are named after the minute of their run
            continue
        created = [
            datetime.strptime(row["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            for row in (before, after)
        ]
        assert created[0] < BASE_TIME
        assert created[1] - created[0] == timedelta(days=1)


def test_production_lets_out_the_nine_hosts_of_the_page_and_not_one_more(fleet: dict[str, Scenario]) -> None:
    production = fleet["prod-eu-1"]
    entry = one(production, "ServiceEntry", "speedscale", "speedscale-external-svc-https")
    assert entry["apiVersion"] == "networking.istio.io/v1alpha3"
    assert entry["spec"] == {
        "hosts": NINE_HOSTS,
        "location": "MESH_EXTERNAL",
        "ports": [{"name": "https", "number": 443, "protocol": "TLS"}],
        "resolution": "NONE",
    }
    table = {"monitoring.us-east-1.amazonaws.com", "gcr.io", "speedscale.github.io"}
    for manifest in production.manifests:
        if manifest["kind"] == "ServiceEntry":
            assert not table & set(manifest["spec"]["hosts"])
    mesh = yaml.safe_load(one(production, "ConfigMap", "istio-system", "istio")["data"]["mesh"])
    assert mesh["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}


def test_each_cluster_keeps_what_its_description_says(fleet: dict[str, Scenario]) -> None:
    production, staging, lab, edge = (fleet[name] for name in NAMES)
    payments = one(production, "Sidecar", "payments", "default")
    assert payments["spec"] == {"egress": [{"hosts": ["./*", "istio-system/*"]}]}
    search = one(production, "Sidecar", "search", "default")
    assert search["spec"]["outboundTrafficPolicy"] == {"mode": "ALLOW_ANY"}
    content = one(production, "Deployment", "storefront", "content-delivery")
    annotations = content["spec"]["template"]["metadata"]["annotations"]
    assert annotations["traffic.sidecar.istio.io/excludeOutboundPorts"] == "443"
    loyalty = one(staging, "Namespace", "", "loyalty")["metadata"]["annotations"]
    assert set(loyalty) == {"sidecar.speedscale.com/inject", "capture.speedscale.com/enabled"}
    hooks = {
        row["metadata"]["name"] for row in lab.manifests if row["kind"] == "MutatingWebhookConfiguration"
    }
    assert {
        "istio-revision-tag-stable",
        "istio-revision-tag-canary",
        "istio-sidecar-injector-1-28-1",
    } <= hooks
    for name in ("istio-cni-node", "ztunnel"):
        assert one(lab, "DaemonSet", "istio-system", name)
    assert not [row for row in edge.manifests if row["kind"] == "CustomResourceDefinition"]
    asked = [row for row in workloads(edge) if "sidecar.speedscale.com/inject" in _annotations(row)]
    assert len(asked) >= 3


def test_every_object_has_a_writer_and_other_parties_keep_theirs(fleet: dict[str, Scenario]) -> None:
    for scenario, manifest in each(fleet):
        meta = manifest["metadata"]
        assert "managedFields" not in meta
        assert "resourceVersion" not in meta
        assert (manifest["kind"], meta.get("namespace", ""), meta["name"]) in scenario.managers
    managers = fleet["prod-eu-1"].managers
    tracked = managers["ServiceEntry", "notifications", "mail-and-sms"]
    assert (tracked.name, tracked.operation) == ("argocd-controller", "Apply")
    assert managers["Sidecar", "identity", "default"].name == "helm"
    assert managers["Sidecar", "payments", "default"].name == "kubectl-client-side-apply"
    assert managers["Deployment", "istio-system", "istiod"].name == "helm"


def _annotations(manifest: Manifest) -> dict[str, str]:
    found: dict[str, str] = manifest["metadata"].get("annotations", {})
    return found
