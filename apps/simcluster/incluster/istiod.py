"""Istiod's injector: its own decision about a pod, and the proxy of its revision's version.

Rules as in Istio's injectRequired (pkg/kube/inject/inject.go); settings come from the ConfigMaps that the
chart writes. The shape of the proxy is the one that scenarios are seeded with.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apps.simcluster.cluster import Cluster
from apps.simcluster.incluster.reading import config_map, image_tag, settings, within
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds
from apps.simcluster.shapes import proxy
from apps.simcluster.shapes.injectors import INJECT, REV
from apps.simcluster.shapes.istio import NATIVE_SIDECARS
from apps.simcluster.shapes.mesh import DEFAULT_REVISION, Mesh, Revision
from apps.simcluster.shapes.pods import is_gateway
from apps.simcluster.webhooks import ALLOWED, Verdict, patched

IGNORED_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
ENABLED = "enabled"


def runs_in(pod: Json) -> bool:
    """Whether this pod is istiod."""
    labels = pod["metadata"].get("labels") or {}
    return labels.get("app") == "istiod" and bool(image_tag(pod, "discovery", "pilot"))


def answer(cluster: Cluster, pod: Json, path: str, request: Json) -> Verdict | None:
    """What this istiod says at `/inject` (a path below it carries parameters)."""
    if path.split("/")[1:2] != ["inject"]:
        return None
    asked = request.get("object")
    if (request.get("kind") or {}).get("kind") != "Pod" or not asked:
        return ALLOWED
    mesh = _mesh(cluster, pod)
    revision = mesh.revisions[0]
    config = settings(_injector(cluster, mesh.namespace, revision).get("config", ""))
    namespace = request.get("namespace", "")
    whole = asked["spec"].get("containers") and all("name" in row for row in asked["spec"]["containers"])
    if not whole or _has_proxy(asked) or not required(config, asked, namespace):
        return ALLOWED
    changed = copy.deepcopy(asked)
    changed["metadata"]["namespace"] = namespace
    put = proxy.gateway if is_gateway(changed) else proxy.inject
    put(changed, mesh, revision, version=revision.version)
    return patched(changed)


def required(config: Mapping[str, Any], pod: Json, namespace: str) -> bool:
    """Istio's decision for a pod that reached the injector; the label wins over the annotation."""
    meta = pod["metadata"]
    labels = meta.get("labels") or {}
    if pod["spec"].get("hostNetwork") or namespace in IGNORED_NAMESPACES:
        return False
    said = labels.get(INJECT, (meta.get("annotations") or {}).get(INJECT, ""))
    policy = config.get("policy", ENABLED)
    if policy not in (ENABLED, "disabled"):
        return False
    if said in ("true", "false"):
        return bool(said == "true")
    for name, answer in (("neverInjectSelector", False), ("alwaysInjectSelector", True)):
        if any(row and label_selector_holds(row, labels) for row in config.get(name) or ()):
            return answer
    return bool(policy == ENABLED)


def _has_proxy(pod: Json) -> bool:
    """Injected before: such a pod (copied from a running one, say) keeps the proxy it has."""
    spec = pod["spec"]
    rows = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return any(row.get("name") == "istio-proxy" and row.get("image") != "auto" for row in rows)


def _mesh(cluster: Cluster, pod: Json) -> Mesh:
    """The mesh as this istiod knows it: one revision, in the version that it runs."""
    meta = pod["metadata"]
    namespace, name = meta["namespace"], meta["labels"].get(REV) or DEFAULT_REVISION
    bare = Revision(name, image_tag(pod, "discovery", "pilot"), {})
    mesh_config = settings(config_map(cluster, namespace, f"istio{bare.suffix}").get("mesh", ""))
    values = settings(_injector(cluster, namespace, bare).get("values", ""))
    return Mesh(
        namespace=namespace,
        revisions=(replace(bare, mesh=dict(mesh_config)),),
        tags={},
        cni=within(values, "pilot", "cni", "enabled") is True,
        native_sidecars=within(values, "pilot", "env", NATIVE_SIDECARS) == "true",
        ambient=False,
        gateways=(),
        outdated_version=bare.version,
    )


def _injector(cluster: Cluster, namespace: str, revision: Revision) -> dict[str, str]:
    return config_map(cluster, namespace, f"istio-sidecar-injector{revision.suffix}")
