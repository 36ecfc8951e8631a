"""How a pod takes part in the mesh, from what is written in it. Knows nothing of what it should be."""

from __future__ import annotations

import json
from functools import lru_cache

from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.reports import DataPlane
from apps.mesh.webhooks import DEFAULT_REVISION, REVISION_LABEL

PROXY_CONTAINER = "istio-proxy"
AUTO_IMAGE = "auto"
"""What a template leaves to the injector; a pod that still has it cannot start."""
STATUS_ANNOTATION = "sidecar.istio.io/status"
REDIRECTION_ANNOTATION = "ambient.istio.io/redirection"


def data_plane(pod: PodTemplate) -> DataPlane:
    """How a pod (or a template with the proxy written into it) takes part in the mesh."""
    for containers, plane in ((pod.containers, DataPlane.SIDECAR), (pod.init_containers, DataPlane.NATIVE)):
        for container in containers:
            if container.name == PROXY_CONTAINER and container.image != AUTO_IMAGE:
                return plane
    if pod.annotations.get(REDIRECTION_ANNOTATION) == "enabled":
        return DataPlane.AMBIENT
    return DataPlane.NONE


def revision_of(pod: PodTemplate) -> str:
    """The revision that injected a pod; "" for a pod without the proxy."""
    return taking_part(pod)[1]


def taking_part(pod: PodTemplate) -> tuple[DataPlane, str]:
    """How a pod takes part in the mesh, and the revision that injected it; "" for one without the proxy."""
    plane = data_plane(pod)
    if plane not in {DataPlane.SIDECAR, DataPlane.NATIVE}:
        return plane, ""
    annotated = pod.annotations.get(REVISION_LABEL) or pod.labels.get(REVISION_LABEL)
    status = _status_revision(pod.annotations.get(STATUS_ANNOTATION, ""))
    return plane, status or annotated or DEFAULT_REVISION


@lru_cache(maxsize=256)
def _status_revision(text: str) -> str:
    try:
        status = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return ""
    revision = status.get("revision") if isinstance(status, dict) else None
    return revision if isinstance(revision, str) else ""
