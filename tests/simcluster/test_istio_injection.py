"""Istio's injector in a simulated cluster: which new pods get a proxy, whose, and what if istiod is away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simcluster.installed import PODS, Installed, Json, bare_pod, installed, names

NAMESPACES: Json = {
    "shop": {
        "labels": {"istio-injection": "enabled"},
        "workloads": {
            "cart": {"replicas": 1, "speedscale": "injected"},
            "ledger": {"kind": "StatefulSet", "replicas": 1},
            "import": {"kind": "CronJob"},
        },
    },
    "next": {"labels": {"istio.io/rev": "canary"}},
    "plain": {"workloads": {"lonely": {"replicas": 1}}},
    "kube-public": {"labels": {"istio-injection": "enabled"}},
}
HOOKS = "/apis/admissionregistration.k8s.io/v1/{}webhookconfigurations"
ADDED_BY_CONTROLLERS = (
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
)
CONFIG = "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Installed]:
    with installed(tmp_path, NAMESPACES) as world:
        yield world


def _without_token(pod: Json) -> Json:
    """What Istio decided about: a pod without the volume of the API server's and without the status."""

    def own(rows: list[Json]) -> list[Json]:
        return [row for row in rows if not row["name"].startswith("kube-api-access-")]

    spec = pod["spec"]
    containers = [
        {**row, "volumeMounts": own(row.get("volumeMounts", []))}
        for row in [*spec.get("initContainers", []), *spec["containers"]]
    ]
    meta = pod["metadata"]
    marks = {name: meta.get(name) for name in ("labels", "annotations")}
    return {**marks, "containers": containers, "volumes": own(spec["volumes"])}


def _as_its_controller_makes_it(seeded: Json, template: Json) -> Json:
    meta = seeded["metadata"]
    labels = template["metadata"].get("labels", {}) | {
        name: meta["labels"][name] for name in ADDED_BY_CONTROLLERS if name in meta["labels"]
    }
    return {
        "metadata": {
            "name": f"{meta['name']}-again",
            "generateName": meta["generateName"],
            "labels": labels,
            "annotations": template["metadata"].get("annotations", {}),
            "ownerReferences": meta["ownerReferences"],
        },
        "spec": template["spec"],
    }


@pytest.mark.parametrize(
    "istio", [{}, {"cni": True}, {"native_sidecars": True}, {"cni": True, "native_sidecars": True}]
)
def test_a_new_pod_is_what_the_seeded_pod_of_the_same_workload_is(
    tmp_path: Path, istio: dict[str, bool]
) -> None:
    with installed(tmp_path, NAMESPACES, **istio) as world:
        for kind, name in (("Deployment", "cart"), ("StatefulSet", "ledger"), ("CronJob", "import")):
            seeded = world.seeded("Pod", name)
            spec = world.seeded(kind, name)["spec"]
            template = spec["jobTemplate"]["spec"]["template"] if kind == "CronJob" else spec["template"]
            pod = _as_its_controller_makes_it(seeded, template)
            stored = world.get(f"{PODS.format('shop')}/{seeded['metadata']['name']}")
            answer = world.post(PODS.format("shop"), pod)
            assert answer.status_code == 201, answer.text
            assert _without_token(answer.json()) == _without_token(stored)


@pytest.mark.parametrize(
    ("namespace", "labels", "annotations", "spec", "proxy"),
    [
        ("shop", {}, {}, {}, "1.27.3"),
        ("next", {}, {}, {}, "1.28.1"),
        ("plain", {}, {}, {}, None),
        ("plain", {"istio.io/rev": "stable"}, {}, {}, "1.27.3"),
        ("plain", {"sidecar.istio.io/inject": "true"}, {}, {}, "1.27.3"),
        ("shop", {"sidecar.istio.io/inject": "false"}, {}, {}, None),
        ("shop", {}, {"sidecar.istio.io/inject": "false"}, {}, None),
        ("shop", {"sidecar.istio.io/inject": "true"}, {"sidecar.istio.io/inject": "false"}, {}, "1.27.3"),
        ("shop", {}, {"sidecar.istio.io/inject": "yes"}, {}, "1.27.3"),
        ("shop", {}, {}, {"hostNetwork": True}, None),
        ("kube-public", {}, {}, {}, None),
    ],
)
def test_selectors_and_istios_own_rules_decide(
    shared: Installed, namespace: str, labels: Any, annotations: Any, spec: Any, proxy: str | None
) -> None:
    pod = bare_pod("", **spec)
    pod["metadata"] = {"generateName": "probe-", "labels": labels, "annotations": annotations}
    made = shared.post(PODS.format(namespace), pod)
    assert made.status_code == 201, made.text
    images = [row["image"] for row in made.json()["spec"]["containers"] if row["name"] == "istio-proxy"]
    assert images == ([f"docker.io/istio/proxyv2:{proxy}"] if proxy else [])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with installed(tmp_path_factory.mktemp("shared"), NAMESPACES) as world:
        yield world


def test_a_pod_that_nobody_owns_is_its_own_workload(shared: Installed) -> None:
    pod = shared.post(PODS.format("shop"), bare_pod("probe")).json()
    assert pod["metadata"]["labels"]["service.istio.io/canonical-name"] == "probe"
    env = {row["name"]: row.get("value") for row in pod["spec"]["containers"][-1]["env"]}
    assert env["ISTIO_META_OWNER"] == "kubernetes://apis/v1/namespaces/shop/pods/probe"
    assert env["TRUST_DOMAIN"] == "shop.example"


def test_a_pod_that_has_a_proxy_keeps_it(shared: Installed) -> None:
    first = shared.post(PODS.format("shop"), bare_pod("first")).json()
    meta = {**first["metadata"], "name": "copy"}
    meta = {name: meta[name] for name in ("name", "labels", "annotations")}
    copied = shared.post(PODS.format("shop"), {"metadata": meta, "spec": first["spec"]})
    assert names(copied.json()) == names(first)


def test_a_dry_run_shows_the_proxy_and_stores_nothing(shared: Installed) -> None:
    shown = shared.post(PODS.format("shop"), bare_pod("dry"), dryRun="All")
    assert names(shown.json()) == ["istio-init", "app", "istio-proxy"]
    assert shared.http.get(f"{PODS.format('shop')}/dry").status_code == 404


def test_the_injectors_config_map_is_obeyed(world: Installed) -> None:
    never = "policy: enabled\nneverInjectSelector: [{matchLabels: {job: batch}}]\n"
    assert world.merge(CONFIG, {"data": {"config": never}}).status_code == 200
    pod = bare_pod("batch")
    pod["metadata"]["labels"] = {"job": "batch"}
    assert names(world.post(PODS.format("shop"), pod).json()) == ["app"]
    assert "istio-proxy" in names(world.post(PODS.format("shop"), bare_pod("other")).json())
    off = "policy: disabled\nalwaysInjectSelector: [{matchLabels: {job: batch}}]\n"
    assert world.merge(CONFIG, {"data": {"config": off}}).status_code == 200
    assert names(world.post(PODS.format("shop"), bare_pod("off")).json()) == ["app"]
    pod["metadata"]["name"] = "always"
    assert "istio-proxy" in names(world.post(PODS.format("shop"), pod).json())


def test_the_proxy_has_the_version_of_the_istiod_that_answers(world: Installed) -> None:
    for stored in world.cluster.store.each("pods"):
        if stored.labels.get("istio.io/rev") == "canary" and stored.labels.get("app") == "istiod":
            obj = stored.object()
            obj["spec"]["containers"][0]["image"] = "docker.io/istio/pilot:1.28.2"
            world.cluster.store.put("pods", obj)
    pod = world.post(PODS.format("next"), bare_pod("upgraded")).json()
    assert pod["spec"]["containers"][-1]["image"] == "docker.io/istio/proxyv2:1.28.2"


def test_without_istiod_new_pods_are_refused_where_they_would_be_injected(world: Installed) -> None:
    world.end_pods("istio-system", "istiod")
    refused = world.post(PODS.format("shop"), bare_pod("p"))
    asked = "https://istiod.istio-system.svc:443/inject?timeout=10s"
    assert refused.status_code == 500
    assert refused.json()["message"] == (
        'Internal error occurred: failed calling webhook "namespace.sidecar-injector.istio.io": '
        f'failed to call webhook: Post "{asked}": no endpoints available for service "istiod"'
    )
    assert world.post(PODS.format("plain"), bare_pod("p")).status_code == 201
    assert world.http.delete("/api/v1/namespaces/istio-system/services/istiod").status_code == 200
    gone = world.post(PODS.format("shop"), bare_pod("p")).json()["message"]
    assert gone.endswith(f'Post "{asked}": service "istiod" not found')


def test_an_istiod_that_is_not_ready_does_not_answer(world: Installed) -> None:
    for stored in world.cluster.store.each("pods"):
        if stored.labels.get("app") == "istiod":
            obj = stored.object()
            for condition in obj["status"]["conditions"]:
                condition["status"] = "False"
            world.cluster.store.put("pods", obj)
    assert world.post(PODS.format("shop"), bare_pod("p")).status_code == 500


def test_a_webhook_that_may_fail_lets_pods_through_without_a_proxy(world: Installed) -> None:
    path = f"{HOOKS.format('mutating')}/istio-sidecar-injector"
    webhooks = [{**row, "failurePolicy": "Ignore"} for row in world.get(path)["webhooks"]]
    assert world.merge(path, {"webhooks": webhooks}).status_code == 200
    world.end_pods("istio-system", "istiod")
    assert names(world.post(PODS.format("shop"), bare_pod("p")).json()) == ["app"]


def _guard(service: Json) -> Json:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    hook = {
        "name": "guard.example.com",
        "clientConfig": {"service": service},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    kind = "ValidatingWebhookConfiguration"
    api = "admissionregistration.k8s.io/v1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "guard"}, "webhooks": [hook]}


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ({"namespace": "plain", "name": "lonely", "port": 80}, "connect: connection refused"),
        ({"namespace": "plain", "name": "lonely"}, 'no service port 443 found for service "lonely"'),
        ({"namespace": "plain", "name": "nobody"}, 'service "nobody" not found'),
        (
            {"namespace": "istio-system", "name": "istiod", "path": "/else"},
            "failed to call webhook: the server could not find the requested resource",
        ),
    ],
)
def test_a_service_that_nobody_plays_fails_as_on_a_real_server(
    shared: Installed, service: Json, why: str
) -> None:
    assert shared.post(HOOKS.format("validating"), _guard(service)).status_code == 201
    body = {"metadata": {"name": "guarded"}}
    refused = shared.post("/api/v1/namespaces/plain/configmaps", body)
    assert shared.http.delete(f"{HOOKS.format('validating')}/guard").status_code == 200
    assert refused.status_code == 500
    assert refused.json()["message"].endswith(why)


@pytest.mark.parametrize("config", [{}, {"service": None}, {"url": ""}])
def test_a_registration_that_leads_nowhere_is_passed_over(shared: Installed, config: Json) -> None:
    """A real server would not have taken it; a scenario may hold it."""
    guard = _guard({})
    guard["webhooks"][0]["clientConfig"] = config
    store, key = shared.cluster.store, "validatingwebhookconfigurations.admissionregistration.k8s.io"
    store.put(key, guard)
    made = shared.post("/api/v1/namespaces/plain/configmaps", {"metadata": {"generateName": "free-"}})
    store.remove(key, "", "guard")
    assert made.status_code == 201


def test_nonsense_in_a_pod_breaks_the_call_and_nothing_else(
    shared: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    pod = bare_pod("nonsense", initContainers=[None])
    refused = shared.post(PODS.format("shop"), pod)
    assert refused.status_code == 500
    assert refused.json()["message"].endswith(
        'failed to call webhook: an error on the server ("unknown") has prevented the request from succeeding'
    )
    assert "sidecar-injector.istio.io failed" in caplog.text
    owner = {"controller": True, "uid": "u"}
    orphan = bare_pod("nonsense")
    orphan["metadata"] |= {"generateName": "nonsense-", "ownerReferences": [owner]}
    assert shared.post(PODS.format("shop"), orphan).status_code != 500
