"""Injection: webhooks as the API server evaluates them, then Istio's own rule; expected against actual."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.injection import injection
from apps.mesh.refs import Manifest
from apps.mesh.reports import DataPlane, Drift, InjectionReport
from apps.mesh.snapshot import Gap, Snapshot

NOT_REFUSED = {"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}


def absent(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "DoesNotExist"}


def within(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def hook(name: str, namespace: list[Any], pod: list[Any]) -> dict[str, Any]:
    return {
        "name": f"{name}.sidecar-injector.istio.io",
        "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod", "path": "/inject"}},
        "namespaceSelector": {"matchExpressions": namespace},
        "objectSelector": {"matchExpressions": pod},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"]}],
    }


def configuration(name: str, labels: dict[str, str], *webhooks: Any) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": labels},
        "webhooks": list(webhooks),
    }


DEFAULT = configuration(
    "istio-sidecar-injector",
    {"istio.io/rev": "default"},
    hook("namespace", [within("istio-injection", "enabled")], [NOT_REFUSED]),
    hook(
        "object",
        [absent("istio-injection"), absent("istio.io/rev")],
        [within("sidecar.istio.io/inject", "true"), absent("istio.io/rev")],
    ),
)
CANARY = configuration(
    "istio-sidecar-injector-1-28-1",
    {"istio.io/rev": "1-28-1"},
    hook("rev.namespace", [within("istio.io/rev", "1-28-1"), absent("istio-injection")], [NOT_REFUSED]),
)
STABLE = configuration(
    "istio-revision-tag-stable",
    {"istio.io/rev": "1-28-1", "istio.io/tag": "stable"},
    hook("rev.namespace", [within("istio.io/rev", "stable"), absent("istio-injection")], [NOT_REFUSED]),
)


def report(
    namespace: dict[str, str],
    labels: dict[str, str] | None = None,
    *,
    annotations: dict[str, str] | None = None,
    name: str = "shop",
    spec: dict[str, Any] | None = None,
    pods: list[dict[str, Any]] | None = None,
    more: tuple[Manifest, ...] = (),
    gaps: tuple[Gap, ...] = (),
) -> InjectionReport:
    pod = {"labels": {"app": "cart", **(labels or {})}, "annotations": annotations or {}}
    template = {"metadata": pod, "spec": {"containers": [{"name": "cart"}], **(spec or {})}}
    manifests: list[Manifest] = [
        DEFAULT,
        CANARY,
        STABLE,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": namespace}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "cart", "namespace": name},
            "spec": {"template": template},
        },
        *more,
    ]
    if pods:
        manifests.append(
            {
                "apiVersion": "meshconsole.io/v1",
                "kind": "PodGroups",
                "metadata": {"namespace": name, "name": "deployment.cart"},
                "owner": {"kind": "Deployment", "name": "cart"},
                "groups": pods,
            }
        )
    snapshot = Snapshot.from_manifests(manifests, gaps=gaps)
    workload = snapshot.workload(name, "cart")
    assert workload is not None
    return injection(snapshot, workload)


@pytest.mark.parametrize(
    ("namespace", "pod", "expected", "revision"),
    [
        ({"istio-injection": "enabled"}, {}, True, "default"),
        ({}, {}, False, ""),
        ({"istio-injection": "disabled"}, {"sidecar.istio.io/inject": "true"}, False, ""),
        ({}, {"sidecar.istio.io/inject": "true"}, True, "default"),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, False, ""),
        ({"istio.io/rev": "1-28-1"}, {}, True, "1-28-1"),
        ({"istio.io/rev": "stable"}, {}, True, "1-28-1"),
        ({"istio.io/rev": "gone"}, {}, False, ""),
        ({"istio-injection": "enabled", "istio.io/rev": "1-28-1"}, {}, True, "default"),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "yes"}, True, "default"),
    ],
)
def test_labels_of_namespace_and_pod_decide_as_istios_webhooks_do(
    namespace: dict[str, str], pod: dict[str, str], expected: bool, revision: str
) -> None:
    found = report(namespace, pod)
    assert (found.expected, found.revision_expected) == (expected, revision)
    assert found.reason.endswith(".")


def test_the_pod_label_wins_over_the_annotation() -> None:
    enabled = {"istio-injection": "enabled"}
    inject = "sidecar.istio.io/inject"
    assert report(enabled, annotations={inject: "false"}).expected is False
    assert report(enabled, {inject: "true"}, annotations={inject: "false"}).expected is True


def test_the_hosts_network_is_never_injected() -> None:
    found = report({"istio-injection": "enabled"}, spec={"hostNetwork": True})
    assert found.expected is False
    assert found.path == "spec.template.spec.hostNetwork"


def test_kubernetes_own_namespaces_are_never_injected() -> None:
    assert report({"istio-injection": "enabled"}, name="kube-system").expected is False


@pytest.mark.parametrize(
    ("config", "labels", "expected"),
    [
        ("policy: disabled", {}, False),
        ("policy: disabled", {"sidecar.istio.io/inject": "true"}, True),
        ("policy: enabled\nneverInjectSelector: [{matchLabels: {app: cart}}]", {}, False),
        ("policy: enabled\nneverInjectSelector: [{}]", {}, True),
        ("policy: disabled\nalwaysInjectSelector: [{matchLabels: {app: cart}}]", {}, True),
        ("policy: off\nalwaysInjectSelector: [{matchLabels: {app: cart}}]", {}, False),
        ("neverInjectSelector: []", {"sidecar.istio.io/inject": "true"}, False),
        ("policy: enabled\nneverInjectSelector: [", {}, None),
    ],
)
def test_the_injectors_policy_and_selectors_decide_what_labels_leave_open(
    config: str, labels: dict[str, str], expected: bool | None
) -> None:
    configmap = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
        "data": {"config": config},
    }
    assert report({"istio-injection": "enabled"}, labels, more=(configmap,)).expected is expected


def injector(name: str, namespace: str, policy: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"config": f"policy: {policy}"},
    }


def test_the_injector_is_the_one_that_the_webhook_calls() -> None:
    elsewhere = injector("istio-sidecar-injector", "another-mesh", "disabled")
    assert report({"istio-injection": "enabled"}, more=(elsewhere,)).expected is True
    own = injector("istio-sidecar-injector", "istio-system", "disabled")
    assert report({"istio-injection": "enabled"}, more=(elsewhere, own)).expected is False


DEFAULT_TAG = configuration(
    "istio-revision-tag-default",
    {"istio.io/rev": "1-28-1", "istio.io/tag": "default"},
    hook("namespace", [within("istio-injection", "enabled")], [NOT_REFUSED]),
)


def test_of_several_webhooks_the_last_to_inject_leaves_its_proxy() -> None:
    enabled = {"istio-injection": "enabled"}
    assert report(enabled, more=(DEFAULT_TAG,)).revision_expected == "default"
    off = injector("istio-sidecar-injector", "istio-system", "disabled")
    assert report(enabled, more=(DEFAULT_TAG, off)).revision_expected == "1-28-1"
    never = {"key": "istio.io/deactivated", "operator": "In", "values": ["never-match"]}
    deactivated = configuration("istio-sidecar-injector", {"istio.io/rev": "default"}, hook("n", [never], []))
    assert report(enabled, more=(DEFAULT_TAG, deactivated)).revision_expected == "1-28-1"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"]}, True),
        ({"operations": ["*"], "apiGroups": ["*"], "resources": ["*/*"], "scope": "Namespaced"}, True),
        ({"operations": ["UPDATE"], "apiGroups": [""], "resources": ["pods"]}, False),
        ({"operations": ["CREATE"], "apiGroups": ["apps"], "resources": ["*"]}, False),
        ({"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods/exec"]}, False),
        ({"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"], "scope": "Cluster"}, False),
    ],
)
def test_a_webhook_is_called_for_what_its_rules_say(rule: dict[str, Any], expected: bool) -> None:
    webhook = {**hook("auto", [], []), "rules": [rule]}
    extra = configuration("istio-sidecar-injector", {"istio.io/rev": "default"}, webhook)
    assert report({}, more=(extra,)).expected is expected


def test_conditions_that_are_expressions_are_not_guessed() -> None:
    webhook = hook("namespace", [within("istio-injection", "enabled")], [])
    webhook["matchConditions"] = [{"name": "some", "expression": "object.metadata.name != 'cart'"}]
    extra = configuration("istio-sidecar-injector", {"istio.io/rev": "default"}, webhook)
    found = report({"istio-injection": "enabled"}, more=(extra,))
    assert (found.expected, found.drift) == (None, Drift.UNKNOWN)
    assert "matchConditions" in found.reason
    assert report({}, more=(extra,)).expected is False, "the webhook is not called at all"


def test_webhooks_that_could_not_be_read_make_it_unknown() -> None:
    gap = Gap("MutatingWebhookConfiguration", "", "forbidden")
    found = report({"istio-injection": "enabled"}, gaps=(gap,))
    assert (found.expected, found.drift) == (None, Drift.UNKNOWN)
    assert "forbidden" in found.reason


def pod(*containers: str, count: int = 1, init: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "labels": {"app": "cart"},
        "containers": [{"name": name} for name in containers],
        "initContainers": [{"name": name, "restartPolicy": "Always"} for name in init],
        "phase": "Running",
        "count": count,
        **more,
    }


def test_pods_are_counted_by_whether_they_are_as_they_should_be() -> None:
    pods = [
        pod("cart", "istio-proxy", count=3),
        pod("cart", count=2),
        pod("cart", count=9, phase="Succeeded"),
    ]
    found = report({"istio-injection": "enabled"}, pods=pods)
    assert (found.pods_total, found.pods_matching) == (5, 3)
    assert (found.actual, found.drift) == (DataPlane.MIXED, Drift.MISSING)


def test_a_native_sidecar_is_a_proxy() -> None:
    found = report({"istio-injection": "enabled"}, pods=[pod("cart", init=("istio-proxy",))])
    assert (found.actual, found.drift) == (DataPlane.NATIVE, Drift.NONE)


def test_a_proxy_of_an_older_revision_is_told_apart() -> None:
    old = pod("cart", "istio-proxy", annotations={"sidecar.istio.io/status": '{"revision": "1-27-3"}'})
    found = report({"istio.io/rev": "stable"}, pods=[old])
    assert (found.drift, found.revision_actual, found.revision_expected) == (
        Drift.REVISION,
        "1-27-3",
        "1-28-1",
    )


def test_a_pod_in_an_ambient_namespace_is_expected_there() -> None:
    redirected = pod("cart", annotations={"ambient.istio.io/redirection": "enabled"})
    found = report({"istio.io/dataplane-mode": "ambient"}, pods=[redirected])
    assert (found.expected, found.ambient_expected) == (False, True)
    assert (found.actual, found.drift) == (DataPlane.AMBIENT, Drift.NONE)


@pytest.mark.parametrize(("own", "expected"), [("none", False), ("ambient", True), ("sidecar", True)])
def test_only_none_takes_a_pod_out_of_an_ambient_namespace(own: str, expected: bool) -> None:
    found = report({"istio.io/dataplane-mode": "ambient"}, {"istio.io/dataplane-mode": own})
    assert found.ambient_expected is expected


def test_a_proxy_that_the_template_brings_is_no_surprise() -> None:
    labels = {"sidecar.istio.io/inject": "false"}
    gateway = {"containers": [{"name": "istio-proxy", "image": "istio/proxyv2:1.28.1"}]}
    found = report({"istio-injection": "enabled"}, labels, spec=gateway, pods=[pod("istio-proxy", count=2)])
    assert (found.expected, found.drift, found.pods_matching) == (False, Drift.NONE, 2)
    strange = report({"istio-injection": "enabled"}, labels, pods=[pod("cart", "istio-proxy")])
    assert strange.drift is Drift.UNEXPECTED


def test_a_gateway_that_is_injected_may_be_of_an_older_revision() -> None:
    gateway = {"containers": [{"name": "istio-proxy", "image": "auto"}]}
    old = pod("istio-proxy", annotations={"sidecar.istio.io/status": '{"revision": "1-27-3"}'})
    found = report({"istio.io/rev": "stable"}, spec=gateway, pods=[old])
    assert found.drift is Drift.REVISION


def test_without_pods_being_in_the_mesh_is_what_is_expected() -> None:
    assert report({"istio-injection": "enabled"}).meshed is True
    assert report({}).meshed is False
