"""The parts of Kubernetes objects that anybody reads; everything else is skipped while decoding.

TypedDicts, so that what comes out is plain JSON with Kubernetes' own keys. A pod of 16 kB becomes less
than one; nothing that may hold a secret (values of environment variables, commands) is kept.
"""

from __future__ import annotations

from typing import Any, TypedDict

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The one environment variable whose value decides something: where istiod reads more of its mesh config.
KEPT_VARIABLES = frozenset({"SHARED_MESH_CONFIG"})

Texts = dict[str, str]


class OwnerReference(TypedDict, total=False):
    kind: str
    name: str
    controller: bool


class PodMeta(TypedDict, total=False):
    name: str
    namespace: str
    labels: Texts | None
    annotations: Texts | None
    ownerReferences: list[OwnerReference] | None


class Meta(PodMeta, total=False):
    uid: str
    creationTimestamp: str | None


class PodContainer(TypedDict, total=False):
    name: str
    image: str
    restartPolicy: str


class Variable(TypedDict, total=False):
    name: str
    value: str | None


class ContainerPort(TypedDict, total=False):
    name: str
    containerPort: int
    protocol: str


class Container(PodContainer, total=False):
    env: list[Variable] | None
    ports: list[ContainerPort] | None


class TemplateSpec(TypedDict, total=False):
    containers: list[Container] | None
    initContainers: list[Container] | None
    hostNetwork: bool
    serviceAccountName: str


class TemplateMeta(TypedDict, total=False):
    labels: Texts | None
    annotations: Texts | None


class Template(TypedDict, total=False):
    metadata: TemplateMeta
    spec: TemplateSpec


class WorkloadSpec(TypedDict, total=False):
    replicas: int | None
    template: Template


class Workload(TypedDict, total=False):
    metadata: Meta
    spec: WorkloadSpec


class JobTemplate(TypedDict, total=False):
    spec: WorkloadSpec


class CronJobSpec(TypedDict, total=False):
    jobTemplate: JobTemplate


class CronJob(TypedDict, total=False):
    metadata: Meta
    spec: CronJobSpec


class Namespace(TypedDict, total=False):
    metadata: Meta


class ServicePort(TypedDict, total=False):
    name: str
    port: int
    protocol: str
    appProtocol: str | None
    targetPort: Any
    nodePort: int | None


class ServiceSpec(TypedDict, total=False):
    type: str
    clusterIP: str
    clusterIPs: list[str] | None
    externalName: str
    ports: list[ServicePort] | None
    selector: Texts | None


class Service(TypedDict, total=False):
    metadata: Meta
    spec: ServiceSpec


class NameMeta(TypedDict, total=False):
    name: str
    namespace: str


class ServiceAccount(TypedDict, total=False):
    """Its name alone: nobody reads more, and it names secrets."""

    metadata: NameMeta


class NetworkPolicy(TypedDict, total=False):
    metadata: Meta
    spec: dict[str, Any]


class ConfigMap(TypedDict, total=False):
    metadata: Meta
    data: Texts | None


class CrdNames(TypedDict, total=False):
    kind: str
    plural: str


class CrdVersion(TypedDict, total=False):
    name: str
    served: bool
    storage: bool


class CrdSpec(TypedDict, total=False):
    group: str
    names: CrdNames
    versions: list[CrdVersion]


class Crd(TypedDict, total=False):
    metadata: Meta
    spec: CrdSpec


def without_values(manifest: dict[str, Any]) -> dict[str, Any]:
    """The workload without its environment variables, but for the one that decides something; in
    place. Nobody reads the others, and their values may be secrets."""
    spec = manifest.get("spec") or {}
    template = (
        spec.get("template") or ((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
    )
    inside = template.get("spec") or {}
    for key in ("containers", "initContainers"):
        for container in inside.get(key) or ():
            variables = container.pop("env", None) or ()
            kept = [variable for variable in variables if variable.get("name") in KEPT_VARIABLES]
            if kept:
                container["env"] = kept
    return manifest
