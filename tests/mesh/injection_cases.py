"""What the tests of injection start from: Istio's webhooks, and a workload in a namespace with labels."""

from __future__ import annotations

from typing import Any

from apps.mesh.injection import injection
from apps.mesh.refs import Manifest
from apps.mesh.reports import InjectionReport
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


def pod(*containers: str, count: int = 1, init: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "labels": {"app": "cart"},
        "containers": [{"name": name} for name in containers],
        "initContainers": [{"name": name, "restartPolicy": "Always"} for name in init],
        "phase": "Running",
        "count": count,
        **more,
    }
