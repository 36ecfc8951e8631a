"""Expands one workload into its manifests: controller, replica sets, pods, service, service account.

Knows the states a scenario may ask for and how the controllers of Kubernetes show them; must not know files
or the API server.
"""

from dataclasses import dataclass

from apps.simcluster.shapes import capture
from apps.simcluster.shapes.build import Build
from apps.simcluster.shapes.capture import PLANS, Rolled
from apps.simcluster.shapes.cluster import Cluster, Place
from apps.simcluster.shapes.controllers import controller
from apps.simcluster.shapes.mesh import IstioState
from apps.simcluster.shapes.meta import Manifest, metadata
from apps.simcluster.shapes.options import Owner, WorkloadKind, WorkloadOptions
from apps.simcluster.shapes.pods import Injection

REGISTRY = "registry.nordhaven.example"


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """A running replay as it shows on the workload under test."""

    name: str
    report: str
    responder_ip: str
    hosts: tuple[str, ...]


def expand(
    cluster: Cluster, place: Place, name: str, options: WorkloadOptions, replay: ReplayRun | None = None
) -> list[Manifest]:
    """All manifests of one workload; owner references point within the list."""
    plan = PLANS[options.speedscale]
    before = app_template(place, name, options)
    before["metadata"].setdefault("annotations", {}).update(plan.template_annotations)
    after, annotations, labels = before, dict(plan.annotations), dict(options.labels)
    annotations |= _istio_cni(cluster, options, annotations) | (capture.TLS_OUT if options.tls_out else {})
    annotations |= options.annotations
    labels = {"app": name, "app.kubernetes.io/part-of": place.name} | labels
    if cluster.operator and plan.change is not capture.TemplateChange.NOTHING:
        after = capture.mutated(before, plan.change, cluster.operator, tls_out=options.tls_out)
        annotations |= capture.mark(cluster.operator)
        labels |= capture.labels_for(plan.change)
    if cluster.operator and replay:
        after = capture.with_responder(after, cluster.operator, replay.responder_ip, list(replay.hosts))
        labels |= capture.SUT_LABEL | {
            "replay.speedscale.com/env-id": replay.name,
            "replay.speedscale.com/report-id": replay.report,
        }
        annotations |= {
            "replay.speedscale.com/env-id": replay.name,
            "replay.speedscale.com/responder-ip": replay.responder_ip,
        }
    _own(options, place, name, labels, annotations)
    _prune(before, after)
    build = Build(
        cluster=cluster,
        namespace=place.name,
        name=name,
        options=options,
        labels=labels,
        annotations=annotations,
        selector={"app": name},
        current=after,
        older=before if plan.rolled is not Rolled.ALL else None,
        older_pods=plan.rolled,
        injection=injection(cluster, place, options),
    )
    manifests = [service_account(cluster, place, name, options.age), *controller(build)]
    if options.service:
        manifests.append(service(cluster, place, name, options))
    return manifests


def app_template(place: Place, name: str, options: WorkloadOptions) -> Manifest:
    """The pod template as its authors wrote it."""
    image = options.image or f"{REGISTRY}/{place.name}/{name}:{options.tag}"
    container: Manifest = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "OTEL_SERVICE_NAME", "value": f"{place.name}.{name}"},
        ],
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
    }
    if options.service:
        probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10, "timeoutSeconds": 2}
        container["ports"] = [{"containerPort": options.port, "name": "http", "protocol": "TCP"}]
        container["readinessProbe"] = probe
    labels = {"app": name, "app.kubernetes.io/name": name, "version": "v1"} | options.pod_labels
    if options.istio is IstioState.EXCLUDED:
        labels["sidecar.istio.io/inject"] = "false"
    spec: Manifest = {
        "containers": [container],
        "serviceAccountName": name,
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "securityContext": {},
    }
    if options.host_network:
        spec["hostNetwork"] = True
    if options.kind in {WorkloadKind.JOB, WorkloadKind.CRON_JOB}:
        spec["restartPolicy"] = "Never"
    return {"metadata": {"labels": labels, "annotations": dict(options.pod_annotations)}, "spec": spec}


def injection(cluster: Cluster, place: Place, options: WorkloadOptions) -> Injection:
    """What Istio did to the pods of a workload with these options in this namespace."""
    mesh = cluster.mesh
    if mesh is None or options.istio in {IstioState.MISSING, IstioState.EXCLUDED}:
        return Injection()
    revision = mesh.for_pod(place.labels, options.pod_labels, host_network=options.host_network)
    if options.istio is IstioState.INJECTED:
        revision = revision or mesh.revisions[0]
    if revision:
        outdated = options.istio is IstioState.OUTDATED
        return Injection(revision, mesh.outdated_version if outdated else revision.version)
    mode = options.pod_labels.get("istio.io/dataplane-mode", place.labels.get("istio.io/dataplane-mode"))
    return Injection(ambient=mesh.ambient and mode == "ambient" and not options.host_network)


def service_account(cluster: Cluster, place: Place, name: str, age: float) -> Manifest:
    meta = metadata(cluster.stamp, "ServiceAccount", place.name, name, age=age)
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}


def service(cluster: Cluster, place: Place, name: str, options: WorkloadOptions) -> Manifest:
    meta = metadata(cluster.stamp, "Service", place.name, name, labels={"app": name}, age=options.age)
    headless = (
        {"clusterIP": "None", "clusterIPs": ["None"]} if options.kind is WorkloadKind.STATEFUL_SET else {}
    )
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": options.port}]
    spec = {"type": "ClusterIP", "selector": {"app": name}, "ports": ports, "sessionAffinity": "None"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec | headless, "status": {}}


def _istio_cni(cluster: Cluster, options: WorkloadOptions, annotations: dict[str, str]) -> dict[str, str]:
    wanted = options.istio_cni
    if wanted is None:
        asked = annotations.get("sidecar.speedscale.com/inject") == "true"
        wanted = bool(cluster.mesh and cluster.mesh.cni and asked)
    return {"sidecar.speedscale.com/istio-cni": "true"} if wanted else {}


def _own(
    options: WorkloadOptions, place: Place, name: str, labels: dict[str, str], annotations: dict[str, str]
) -> None:
    if options.managed_by is Owner.HELM:
        labels["app.kubernetes.io/managed-by"] = "Helm"
        labels["helm.sh/chart"] = f"{name}-2.14.0"
        annotations["meta.helm.sh/release-name"] = name
        annotations["meta.helm.sh/release-namespace"] = place.name
    if options.managed_by is Owner.ARGOCD:
        group = "batch" if options.kind in {WorkloadKind.JOB, WorkloadKind.CRON_JOB} else "apps"
        tracked = f"{place.name}:{group}/{options.kind}:{place.name}/{name}"
        annotations["argocd.argoproj.io/tracking-id"] = tracked


def _prune(*templates: Manifest) -> None:
    """A template without annotations has no `annotations` at all."""
    for template in templates:
        if not template["metadata"].get("annotations", True):
            del template["metadata"]["annotations"]
