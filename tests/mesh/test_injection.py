"""Injection: webhooks as the API server evaluates them, then Istio's own rule; expected against actual."""

from __future__ import annotations

import pytest

from apps.mesh.reports import DataPlane, Drift
from apps.mesh.snapshot import Gap
from tests.mesh.injection_cases import pod, report


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


def test_webhooks_that_could_not_be_read_make_it_unknown() -> None:
    gap = Gap("MutatingWebhookConfiguration", "", "forbidden")
    found = report({"istio-injection": "enabled"}, gaps=(gap,))
    assert (found.expected, found.drift) == (None, Drift.UNKNOWN)
    assert "forbidden" in found.reason


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


def test_a_pod_whose_image_nobody_filled_in_has_no_proxy() -> None:
    auto = pod("cart")
    auto["containers"].append({"name": "istio-proxy", "image": "auto"})
    found = report({"istio-injection": "enabled"}, pods=[auto])
    assert (found.actual, found.drift) == (DataPlane.NONE, Drift.MISSING)


def test_a_gateway_that_is_injected_may_be_of_an_older_revision() -> None:
    gateway = {"containers": [{"name": "istio-proxy", "image": "auto"}]}
    old = pod("istio-proxy", annotations={"sidecar.istio.io/status": '{"revision": "1-27-3"}'})
    found = report({"istio.io/rev": "stable"}, spec=gateway, pods=[old])
    assert found.drift is Drift.REVISION


def test_without_pods_being_in_the_mesh_is_what_is_expected() -> None:
    assert report({"istio-injection": "enabled"}).meshed is True
    assert report({}).meshed is False
