"""Verbatim objects of a scenario, and who is recorded as the writer of each object.

Must not know what the objects mean.
"""

from dataclasses import dataclass
from typing import Any

from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.meta import Manifest, Stamp

CLUSTER_WIDE = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "CustomResourceDefinition")
OPERATIONS = ("Update", "Apply")
AGE_OF_OBJECTS = 45


@dataclass(frozen=True, slots=True)
class FieldManager:
    """An entry of managedFields to be: the manager's name and "Update" or "Apply"."""

    name: str
    operation: str


KUBECTL = FieldManager("kubectl-client-side-apply", "Update")
HELM = FieldManager("helm", "Update")
ARGOCD = FieldManager("argocd-controller", "Apply")
CONTROLLERS = FieldManager("kube-controller-manager", "Update")
SPEEDSCALE = FieldManager("operator", "Update")
KUBELET = FieldManager("kubelet", "Update")


def verbatim(
    stamp: Stamp, fields: Fields, namespace: str, served: dict[str, tuple[str, ...]]
) -> tuple[Manifest, FieldManager | None]:
    """One entry of `objects:` with uid and creation time added where it has none.

    `fieldManager: {name, operation}` beside `apiVersion` says who wrote it, and is no part of the object.
    """
    manager = None
    if fields.has("fieldManager"):
        row = fields.section("fieldManager")
        manager = FieldManager(row.text("name"), row.text("operation", "Update"))
        if manager.operation not in OPERATIONS:
            raise row.error("operation", "must be Update or Apply.")
        row.done()
    api_version, kind = fields.text("apiVersion"), fields.text("kind")
    _check_served(fields, api_version, served)
    meta = fields.section("metadata")
    name = meta.text("name")
    if meta.text("namespace", namespace) != namespace:
        raise meta.error(
            "namespace", f"must be {namespace!r}, the namespace that the object is listed under."
        )
    manifest: dict[str, Any] = {key: fields.raw(key) for key in fields.names() if key != "fieldManager"}
    if kind in CLUSTER_WIDE:
        namespace = ""
    identity = {"namespace": namespace} if namespace else {}
    manifest["metadata"] = (
        identity
        | {
            "uid": stamp.uid(kind, namespace, name),
            "creationTimestamp": stamp.before(AGE_OF_OBJECTS, f"{kind}/{namespace}/{name}"),
            "generation": 1,
        }
        | {key: meta.raw(key) for key in meta.names()}
    )
    manifest["apiVersion"] = api_version
    return manifest, manager


def default_manager(manifest: Manifest) -> FieldManager:
    """Who wrote an object that nobody claimed, told by what it carries."""
    meta = manifest["metadata"]
    labels = meta.get("labels", {})
    if meta.get("ownerReferences"):
        return CONTROLLERS
    if manifest["kind"] == "Node":
        return KUBELET
    if "replay.speedscale.com/component" in labels:
        return SPEEDSCALE
    if "argocd.argoproj.io/tracking-id" in meta.get("annotations", {}):
        return ARGOCD
    return HELM if labels.get("app.kubernetes.io/managed-by") == "Helm" else KUBECTL


def _check_served(fields: Fields, api_version: str, served: dict[str, tuple[str, ...]]) -> None:
    group, _, version = api_version.rpartition("/")
    if group in served and version not in served[group]:
        raise fields.error("apiVersion", f"{api_version} is not among the served_versions of this file.")
