"""The MutatingWebhookConfigurations by which Istio puts proxies into pods, one a revision and one a tag.

Selectors as in the istio-discovery chart (mutatingwebhook.yaml, revision-tags-mwc.yaml), which says: a
revision label on the namespace, or else on the pod; the older istio-injection label wins over both.
"""

from apps.simcluster.shapes.cluster import Cluster
from apps.simcluster.shapes.mesh import DEFAULT_REVISION, Mesh, Revision
from apps.simcluster.shapes.meta import Manifest, metadata

Expression = dict[str, object]
INSTALLED_DAYS_AGO = 70
INJECT = "sidecar.istio.io/inject"
REV = "istio.io/rev"
INJECTION = "istio-injection"


def injector_webhooks(cluster: Cluster, mesh: Mesh) -> list[Manifest]:
    made = []
    for revision in mesh.revisions:
        labels = {REV: revision.name, "app": "sidecar-injector", "operator.istio.io/component": "Pilot"}
        hooks = _hooks(mesh, revision, revision.name)
        made.append(_configuration(cluster, f"istio-sidecar-injector{revision.suffix}", labels, hooks))
    for tag, name in mesh.tags.items():
        tagged = mesh.revision(name)
        if tagged:
            labels = {"istio.io/tag": tag, REV: name, "app": "sidecar-injector"}
            hooks = _hooks(mesh, tagged, tag)
            made.append(_configuration(cluster, f"istio-revision-tag-{tag}", labels, hooks))
    return made


def _configuration(cluster: Cluster, name: str, labels: dict[str, str], hooks: list[Manifest]) -> Manifest:
    kind = "MutatingWebhookConfiguration"
    meta = metadata(cluster.stamp, kind, "", name, labels=labels, age=INSTALLED_DAYS_AGO, generation=2)
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": meta,
        "webhooks": hooks,
    }


def _hooks(mesh: Mesh, revision: Revision, answers_to: str) -> list[Manifest]:
    not_refused = _in(INJECT, "NotIn", "false")
    hooks = [
        _hook(
            mesh,
            revision,
            "rev.namespace.",
            [_in(REV, "In", answers_to), _absent(INJECTION)],
            [not_refused],
        ),
        _hook(
            mesh,
            revision,
            "rev.object.",
            [_absent(REV), _absent(INJECTION)],
            [not_refused, _in(REV, "In", answers_to)],
        ),
    ]
    if answers_to == DEFAULT_REVISION:
        hooks += [
            _hook(mesh, revision, "namespace.", [_in(INJECTION, "In", "enabled")], [not_refused]),
            _hook(
                mesh,
                revision,
                "object.",
                [_absent(INJECTION), _absent(REV)],
                [_in(INJECT, "In", "true"), _absent(REV)],
            ),
        ]
    return hooks


def _hook(
    mesh: Mesh, revision: Revision, prefix: str, namespaces: list[Expression], objects: list[Expression]
) -> Manifest:
    target = {"name": f"istiod{revision.suffix}", "namespace": mesh.namespace, "path": "/inject", "port": 443}
    rule = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
        "scope": "*",
    }
    return {
        "name": f"{prefix}sidecar-injector.istio.io",
        "clientConfig": {"service": target},
        "sideEffects": "None",
        "rules": [rule],
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "Never",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchExpressions": namespaces},
        "objectSelector": {"matchExpressions": objects},
    }


def _in(key: str, operator: str, value: str) -> Expression:
    return {"key": key, "operator": operator, "values": [value]}


def _absent(key: str) -> Expression:
    return {"key": key, "operator": "DoesNotExist"}
