"""One `workloads:` line of a scenario: what a workload is and how far Istio and Speedscale got with it.

Knows the words a scenario may use; must not know how they look in a manifest.
"""

from dataclasses import dataclass
from enum import StrEnum

from apps.simcluster.shapes.capture import SpeedscaleState
from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.mesh import IstioState


class WorkloadKind(StrEnum):
    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"


class Owner(StrEnum):
    """Who wrote the workload into the cluster; shows in labels, annotations and managedFields."""

    KUBECTL = "kubectl"
    HELM = "helm"
    ARGOCD = "argocd"


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """Ages are days; `finished` is for Jobs; `istio_cni` None: annotated exactly if Istio uses its CNI."""

    kind: WorkloadKind
    replicas: int
    image: str
    tag: str
    port: int
    service: bool
    istio: IstioState
    speedscale: SpeedscaleState
    istio_cni: bool | None
    tls_out: bool
    replay: str
    host_network: bool
    managed_by: Owner
    labels: dict[str, str]
    annotations: dict[str, str]
    pod_labels: dict[str, str]
    pod_annotations: dict[str, str]
    age: int
    finished: bool


def read_options(fields: Fields) -> WorkloadOptions:
    kind = fields.choice("kind", WorkloadKind, WorkloadKind.DEPLOYMENT)
    batch = kind in {WorkloadKind.JOB, WorkloadKind.CRON_JOB}
    options = WorkloadOptions(
        kind=kind,
        replicas=fields.integer("replicas", 1 if batch else 2, most=200),
        image=fields.text("image", ""),
        tag=fields.text("tag", "2.14.0"),
        port=fields.integer("port", 8080, least=1, most=65535),
        service=fields.flag("service", not batch),
        istio=fields.choice("istio", IstioState, IstioState.AUTO),
        speedscale=fields.choice("speedscale", SpeedscaleState, SpeedscaleState.NONE),
        istio_cni=fields.flag("istio_cni", False) if fields.has("istio_cni") else None,
        tls_out=fields.flag("tls_out", False),
        replay=fields.text("replay", ""),
        host_network=fields.flag("host_network", False),
        managed_by=fields.choice("managed_by", Owner, Owner.KUBECTL),
        labels=fields.strings("labels"),
        annotations=fields.strings("annotations"),
        pod_labels=fields.strings("pod_labels"),
        pod_annotations=fields.strings("pod_annotations"),
        age=fields.integer("age", 40, least=1, most=2000),
        finished=fields.flag("finished", True),
    )
    fields.done()
    return options
