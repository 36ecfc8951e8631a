"""The Deployments that control planes run as. Knows nothing of what they read."""

from __future__ import annotations

from apps.mesh.derived import EachNamespace
from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.fields import Fields
from apps.mesh.snapshot import Snapshot


@EachNamespace
def istiods(snapshot: Snapshot, namespace: str) -> tuple[Workload, ...]:
    """The istiods of a namespace."""
    return tuple(
        item
        for item in snapshot.workloads_in(namespace)
        if item.kind == "Deployment" and item.labels.get("app") == "istiod"
    )


@EachNamespace
def shared_configs(snapshot: Snapshot, namespace: str) -> dict[str, str]:
    """By the name of an istiod: the ConfigMap that its environment variable SHARED_MESH_CONFIG names."""
    found: dict[str, str] = {}
    for deployment in snapshot.part(istiods, namespace):
        manifest = snapshot.manifest(deployment.ref) or {}
        spec = Fields(manifest, deployment.ref, []).child("spec").child("template").child("spec")
        for container in spec.items("containers"):
            for variable in container.items("env"):
                if variable.text("name") == "SHARED_MESH_CONFIG" and variable.text("value"):
                    found.setdefault(deployment.name, variable.text("value"))
    return found
