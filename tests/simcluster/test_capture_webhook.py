"""Speedscale's operator in a simulated cluster: annotations put capture into workloads and take it out."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster_contract.admission import registration, webhook
from tests.simcluster.installed import DEPLOYMENTS, Installed, Json, installed, names

GOPROXY = ["speedscale-initproxy-iptables", "speedscale-initproxy-smartdns", "cart", "speedscale-goproxy"]
NAMESPACES: Json = {
    "shop": {
        "workloads": {
            "cart": {"replicas": 1},
            "covered": {"replicas": 1, "speedscale": "injected", "tls_out": True},
            "java": {"replicas": 1, "speedscale": "java"},
            "orphan": {"replicas": 1, "speedscale": "orphan"},
            "annotated": {"replicas": 1, "speedscale": "annotated"},
            "conflict": {"replicas": 1, "speedscale": "conflict"},
            "template-only": {"replicas": 1, "speedscale": "template-only"},
            "mocked": {"replicas": 1, "speedscale": "injected"},
            "ledger": {"kind": "StatefulSet", "replicas": 1},
            "agent": {"kind": "DaemonSet"},
            "once": {"kind": "Job"},
            "nightly": {"kind": "CronJob"},
        },
        "replays": [{"name": "regression", "workload": "mocked", "hosts": ["api.bank.example"]}],
    },
    "kube-system": {"workloads": {"coredns": {"replicas": 1}}},
}
TARGETS = "/api/v1/namespaces/speedscale/configmaps/speedscale-nettap-targets"
REPLAYS = "/apis/speedscale.com/v1/namespaces/shop/trafficreplays"
JOBS = "/apis/batch/v1/namespaces/shop/jobs"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Installed]:
    with installed(tmp_path, NAMESPACES) as world:
        yield world


def _marks(obj: Json) -> tuple[dict[str, str], dict[str, str]]:
    """What Speedscale left on an object."""
    meta = obj["metadata"]
    labels, annotations = (
        {name: value for name, value in meta.get(field, {}).items() if "speedscale.com" in name}
        for field in ("labels", "annotations")
    )
    return labels, annotations


def test_an_annotated_workload_becomes_what_a_seeded_one_is(world: Installed) -> None:
    answer = world.annotate("cart", inject="true", tls_out="true")
    assert answer.status_code == 200, answer.text
    made, seeded = answer.json(), world.deployment("covered")
    assert made["metadata"]["generation"] == world.seeded("Deployment", "cart")["metadata"]["generation"] + 1
    assert _marks(made) == _marks(seeded)
    template, expected = made["spec"]["template"], seeded["spec"]["template"]
    assert names(made["spec"]["template"]) == GOPROXY
    assert template["metadata"]["labels"].keys() == expected["metadata"]["labels"].keys()
    assert template["spec"]["volumes"] == expected["spec"]["volumes"]
    assert template["spec"]["initContainers"] == expected["spec"]["initContainers"]
    ours, theirs = template["spec"]["containers"][1], expected["spec"]["containers"][1]
    assert ours["env"][0] == {"name": "APP_LABEL", "value": "cart"}
    assert {**ours, "env": ours["env"][1:]} == {**theirs, "env": theirs["env"][1:]}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/apis/apps/v1/namespaces/shop/statefulsets", "ledger"),
        ("/apis/apps/v1/namespaces/shop/daemonsets", "agent"),
    ],
)
def test_other_kinds_of_workloads_are_captured_as_well(world: Installed, path: str, name: str) -> None:
    asked = {"metadata": {"annotations": {"sidecar.speedscale.com/inject": "true"}}}
    changed = world.merge(f"{path}/{name}", asked).json()
    assert names(changed["spec"]["template"])[-1] == "speedscale-goproxy"


@pytest.mark.parametrize("value", ["false", None])
def test_who_stops_asking_loses_it_and_nothing_else(world: Installed, value: str | None) -> None:
    before = world.deployment("cart")
    assert world.annotate("cart", inject="true").status_code == 200
    after = world.annotate("cart", inject=value).json()
    assert after["spec"] == before["spec"]
    labels, annotations = _marks(after)
    assert labels == {}
    assert annotations == ({} if value is None else {"sidecar.speedscale.com/inject": value})


@pytest.mark.parametrize(
    ("name", "left"), [("java", ["java"]), ("orphan", ["orphan"]), ("covered", ["covered"])]
)
def test_seeded_capture_goes_the_same_way(world: Installed, name: str, left: list[str]) -> None:
    after = world.annotate(name, inject=None, enabled=None, java=None, tls_out=None, ignore="false").json()
    template = after["spec"]["template"]
    assert names(template) == left
    assert "volumes" not in template["spec"]
    assert "volumeMounts" not in template["spec"]["containers"][0]
    env = [row["name"] for row in template["spec"]["containers"][0]["env"]]
    assert env == ["LOG_LEVEL", "OTEL_SERVICE_NAME"]


def test_a_write_that_changes_nothing_about_capture_leaves_the_template_alone(world: Installed) -> None:
    for name in ("covered", "java", "mocked"):
        before = world.deployment(name)
        change = {"metadata": {"labels": {"touched": "yes"}}}
        after = world.merge(f"{DEPLOYMENTS.format('shop')}/{name}", change).json()
        assert after["spec"] == before["spec"]
        assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_the_next_write_to_a_forgotten_workload_gives_it_its_sidecar(world: Installed) -> None:
    assert names(world.deployment("annotated")["spec"]["template"]) == ["annotated"]
    change = {"spec": {"replicas": 2}}
    after = world.merge(f"{DEPLOYMENTS.format('shop')}/annotated", change).json()
    assert names(after["spec"]["template"])[-1] == "speedscale-goproxy"


def test_a_workload_in_a_replay_keeps_the_replays_part(world: Installed) -> None:
    after = world.annotate("mocked", inject=None).json()
    assert names(after["spec"]["template"]) == ["speedscale-initproxy-responder", "mocked"]
    labels, annotations = _marks(after)
    assert labels["operator.speedscale.com/sut"] == "true"
    assert "sidecar.speedscale.com/injected" not in labels
    assert annotations["replay.speedscale.com/env-id"] == "regression"


def test_both_captures_at_once_are_refused(world: Installed) -> None:
    before = world.deployment("cart")
    for asked in ({"enabled": "true"}, {"java": "true"}):
        refused = world.annotate("cart", inject="true", **asked)
        assert refused.status_code == 400
        assert refused.json()["message"].startswith(
            'admission webhook "sidecar.speedscale.com" denied the request: capture.speedscale.com/'
        )
        assert "cannot be used in conjunction with sidecar.speedscale.com/inject" in refused.text
    assert world.deployment("cart") == before
    assert world.annotate("conflict", enabled=None).status_code == 200
    assert "speedscale-goproxy" in names(world.deployment("conflict")["spec"]["template"])


def test_who_is_to_be_ignored_is_ignored(world: Installed) -> None:
    answer = world.annotate("cart", inject="true", enabled="true", ignore="true")
    assert answer.status_code == 200
    assert names(answer.json()["spec"]["template"]) == ["cart"]


def test_the_pod_template_and_excluded_namespaces_are_not_looked_at(world: Installed) -> None:
    change = {"metadata": {"labels": {"touched": "yes"}}}
    after = world.merge(f"{DEPLOYMENTS.format('shop')}/template-only", change).json()
    assert names(after["spec"]["template"]) == ["template-only"]
    outside = world.annotate("coredns", "kube-system", inject="true")
    assert names(outside.json()["spec"]["template"]) == ["coredns"]


def test_what_another_workload_owns_is_left_to_its_owner(world: Installed) -> None:
    assert world.annotate("cart", inject="true").status_code == 200
    owned = next(
        row
        for row in world.get("/apis/apps/v1/namespaces/shop/replicasets")["items"]
        if row["metadata"]["ownerReferences"][0]["name"] == "cart"
    )
    change = {"metadata": {"annotations": {"sidecar.speedscale.com/inject": "true"}}}
    path = f"/apis/apps/v1/namespaces/shop/replicasets/{owned['metadata']['name']}"
    assert names(world.merge(path, change).json()["spec"]["template"]) == ["cart"]


def test_a_job_is_captured_from_its_creation_or_not_at_all(world: Installed) -> None:
    asked = {"annotations": {"sidecar.speedscale.com/inject": "true"}}
    late = world.merge(f"{JOBS}/once", {"metadata": asked})
    assert late.status_code == 200
    assert names(late.json()["spec"]["template"]) == ["once"]
    template = {
        "metadata": {"labels": {"app": "early"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "early", "image": "nginx:1.27"}]},
    }
    cron = world.get("/apis/batch/v1/namespaces/shop/cronjobs/nightly")["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "controller": True}
    owner |= {"name": cron["name"], "uid": cron["uid"]}
    meta = {"name": "early", "ownerReferences": [owner], **asked}
    early = world.post(JOBS, {"metadata": meta, "spec": {"template": template}})
    assert early.status_code == 201, early.text
    assert names(early.json()["spec"]["template"])[-1] == "speedscale-goproxy"


def test_the_java_agent_comes_with_capture_on_the_node_only(world: Installed) -> None:
    assert names(world.annotate("cart", java="true").json()["spec"]["template"]) == ["cart"]
    after = world.annotate("cart", enabled="true").json()
    assert names(after["spec"]["template"]) == ["speedscale-initproxy-java-agent", "cart"]
    both = world.deployment("java")["spec"]["template"]["spec"]["containers"][0]["env"][-1]
    assert after["spec"]["template"]["spec"]["containers"][0]["env"][-1] == both


def _eventually(holds: Callable[[], Any]) -> None:
    ends = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_the_nodes_are_told_what_to_capture_while_the_operator_runs(world: Installed) -> None:
    def told() -> list[str]:
        data = world.get(TARGETS)["data"]["targets.yaml"]
        return [row["name"] for row in yaml.safe_load(data)["targets"]]

    assert told() == ["shop-java"]
    assert world.annotate("cart", enabled="true").status_code == 200
    _eventually(lambda: told() == ["shop-java", "shop-cart"])
    assert names(world.deployment("cart")["spec"]["template"]) == ["cart"]
    writers = [entry["manager"] for entry in world.get(TARGETS)["metadata"]["managedFields"]]
    assert "speedscale-operator" in writers
    assert world.annotate("cart", enabled=None).status_code == 200
    _eventually(lambda: told() == ["shop-java"])
    world.end_pods("speedscale", "speedscale-operator")
    assert world.annotate("cart", enabled="true").status_code == 200
    time.sleep(1)
    assert told() == ["shop-java"]


def test_without_the_operator_nothing_happens_silently_and_replays_fail(world: Installed) -> None:
    replay = {
        "apiVersion": "speedscale.com/v1",
        "kind": "TrafficReplay",
        "metadata": {"name": "try"},
        "spec": {"snapshotID": "latest", "testConfigID": "standard"},
    }
    assert world.post(REPLAYS, replay, dryRun="All").status_code == 201
    world.end_pods("speedscale", "speedscale-operator")
    ignored = world.annotate("cart", inject="true")
    assert ignored.status_code == 200
    assert names(ignored.json()["spec"]["template"]) == ["cart"]
    refused = world.post(REPLAYS, replay)
    assert refused.status_code == 500
    assert refused.json()["message"].endswith('no endpoints available for service "speedscale-operator"')


def test_a_dry_run_shows_the_sidecar_and_stores_nothing(world: Installed) -> None:
    change = {"metadata": {"annotations": {"sidecar.speedscale.com/inject": "true"}}}
    path = f"{DEPLOYMENTS.format('shop')}/cart"
    shown = world.merge(path, change, dryRun="All")
    assert names(shown.json()["spec"]["template"]) == GOPROXY
    assert names(world.deployment("cart")["spec"]["template"]) == ["cart"]


@pytest.mark.parametrize(("policy", "kept"), [("IfNeeded", True), ("Never", False)])
def test_a_webhook_is_called_again_after_a_later_change_if_it_wants_to(
    world: Installed, policy: str, kept: bool
) -> None:
    """The later webhook replaces all labels, the operator's among them; only a second call restores them."""
    hooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    own = world.get(f"{hooks}/speedscale-operator")["webhooks"][0] | {"reinvocationPolicy": policy}
    assert world.merge(f"{hooks}/speedscale-operator", {"webhooks": [own]}).status_code == 200
    rule = {
        "operations": ["UPDATE"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    with webhook() as (port, authority):
        later = registration(f"https://127.0.0.1:{port}/mutate", authority, rules=[rule])
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "zz-later"},
            "webhooks": [later],
        }
        assert world.post(hooks, body).status_code == 201
        labels = world.annotate("cart", inject="true").json()["metadata"]["labels"]
    assert labels["mutated-by"] == "webhook"
    assert ("sidecar.speedscale.com/injected" in labels) is kept
