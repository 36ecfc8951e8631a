"""Webhooks: which writes they see, and that a waiting write does not stop others from reading."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.fleet import ClusterSpec, SimulatedFleet
from tests.cluster_contract.admission import REASON, registration, webhook
from tests.factories.fleet import client

MAPS = "/api/v1/namespaces/{}/configmaps"
RULE = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    spec = ClusterSpec("guarded", behaviour=Behaviour(workloads=True))
    with SimulatedFleet([spec]) as fleet, client(fleet["guarded"]) as http:
        for name, labels in (("guarded", {"guard": "on"}), ("free", {})):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            assert http.post("/api/v1/namespaces", json=body).status_code == 201
        yield http


@pytest.fixture
def registered(http: httpx.Client) -> Iterator[Any]:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

    with webhook() as (port, authority):

        def register(at: str, **changes: Any) -> None:
            url = f"https://127.0.0.1:{port}{at}"
            entry = registration(url, authority, **{"rules": [RULE], **changes})
            body = {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "guard"},
                "webhooks": [entry],
            }
            answer = http.post(path, json=body)
            assert answer.status_code == 201, answer.text

        yield register
        http.delete(f"{path}/guard")


def _create(http: httpx.Client, namespace: str, name: str, **meta: Any) -> httpx.Response:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}}
    return http.post(MAPS.format(namespace), json=body)


def test_a_namespace_selector_keeps_a_webhook_out_of_other_namespaces(
    http: httpx.Client, registered: Any
) -> None:
    registered("/n", namespaceSelector={"matchLabels": {"guard": "on"}})
    refused = _create(http, "guarded", "a")
    assert refused.status_code == 400
    assert REASON in refused.json()["message"]
    assert http.get(MAPS.format("guarded") + "/a").status_code == 404
    assert _create(http, "free", "a").status_code == 201


def test_an_object_selector_looks_at_the_labels_before_and_after(http: httpx.Client, registered: Any) -> None:
    assert _create(http, "free", "marked", labels={"guard": "on"}).status_code == 201
    registered("/n", objectSelector={"matchLabels": {"guard": "on"}})
    assert _create(http, "free", "plain").status_code == 201
    merge = {"Content-Type": "application/merge-patch+json"}
    change = {"metadata": {"labels": None}}
    path = MAPS.format("free") + "/marked"
    assert http.patch(path, json=change, headers=merge).status_code == 400
    assert http.get(path).json()["metadata"]["labels"] == {"guard": "on"}


def test_a_webhook_for_deletions_can_keep_an_object(http: httpx.Client, registered: Any) -> None:
    assert _create(http, "free", "kept").status_code == 201
    registered("/n", rules=[{**RULE, "operations": ["DELETE"]}])
    assert http.delete(MAPS.format("free") + "/kept").status_code == 400
    assert http.get(MAPS.format("free") + "/kept").status_code == 200
    assert _create(http, "free", "other").status_code == 201


def test_a_webhook_does_not_see_its_own_registration(http: httpx.Client, registered: Any) -> None:
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    registered("/n", rules=[everything])
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/guard"
    assert http.delete(path).status_code == 200


def test_others_are_answered_while_a_write_waits_for_a_webhook(http: httpx.Client, registered: Any) -> None:
    registered("/slow", timeoutSeconds=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_create, http, "free", "slow")
        time.sleep(0.3)
        started = time.monotonic()
        assert http.get("/version").status_code == 200
        assert http.get(MAPS.format("free")).status_code == 200
        assert time.monotonic() - started < 1
        assert waiting.result().status_code == 500


def test_a_webhook_refuses_the_pods_of_a_workload_and_holds_nobody_else_up(
    http: httpx.Client, registered: Any
) -> None:
    registered("/slow", timeoutSeconds=2, rules=[{**RULE, "resources": ["pods"]}])
    containers = [{"name": "app", "image": "shop/cart:1"}]
    template = {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": containers}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "cart"}}, "template": template}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"}, "spec": spec}
    path = "/apis/apps/v1/namespaces/free/deployments"
    assert http.post(path, json=body).status_code == 201
    said: list[dict[str, str]] = []
    ends = time.monotonic() + 20
    while not said and time.monotonic() < ends:
        started = time.monotonic()
        status = http.get(f"{path}/cart").json()["status"]
        assert time.monotonic() - started < 1
        said = [row for row in status.get("conditions", ()) if row["type"] == "ReplicaFailure"]
        time.sleep(0.05)
    assert said[0]["reason"] == "FailedCreate"
    assert "failed calling webhook" in said[0]["message"]
    assert http.get("/api/v1/namespaces/free/pods").json()["items"] == []
