"""Workloads and their pods, folded by what matters to a mesh. Knows nothing of single pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject

WORKLOAD_KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "Rollout",
    "DeploymentConfig",
    "Pod",
)


_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class ContainerPort:
    number: int
    name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Container:
    """`restart_policy` is "Always" for a native sidecar among the init containers, else "". `ports`
    are those it declares: it may listen on others. Pods say them only where no template does."""

    name: str
    image: str = ""
    restart_policy: str = ""
    env_names: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()


@dataclass(frozen=True, slots=True)
class PodTemplate:
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    host_network: bool = False
    service_account: str = ""

    def container(self, name: str) -> Container | None:
        """The container of that name, init containers included."""
        for container in (*self.containers, *self.init_containers):
            if container.name == name:
                return container
        return None

    @property
    def ports(self) -> tuple[ContainerPort, ...]:
        """What the containers declare, init containers included."""
        return tuple([port for item in (*self.containers, *self.init_containers) for port in item.ports])


@dataclass(frozen=True, slots=True)
class PodGroup:
    """Pods of one workload that are alike in everything a mesh looks at. `count` pods, some of
    whose names are in `samples`; `pod` is what they share."""

    pod: PodTemplate
    phase: str = "Running"
    count: int = 1
    samples: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """False for pods that have ended: they send nothing any more."""
        return self.phase not in _ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(MeshObject):
    """`replicas` is what was asked for, None where the kind has no such number. `observed` is False
    for a workload that is known only through its pods."""

    template: PodTemplate = field(default_factory=PodTemplate)
    replicas: int | None = None
    pod_groups: tuple[PodGroup, ...] = ()
    observed: bool = True

    @property
    def kind(self) -> str:
        return self.ref.kind

    def in_template(self, path: str = "") -> str:
        """Where a field of the pods (`metadata.labels`) stands in the manifest."""
        if self.kind == "Pod":
            return path or "spec"
        template = "spec.jobTemplate.spec.template" if self.kind == "CronJob" else "spec.template"
        return f"{template}.{path}" if path else template

    @property
    def live_groups(self) -> tuple[PodGroup, ...]:
        return tuple([group for group in self.pod_groups if group.live])

    @property
    def pods_total(self) -> int:
        return sum([group.count for group in self.pod_groups if group.live])
