"""Workloads of an installation (Istio's, Speedscale's): containers written out, the rest as for any workload.

Must not know which installation it serves.
"""

from apps.simcluster.shapes.build import Build
from apps.simcluster.shapes.capture import Rolled
from apps.simcluster.shapes.cluster import Cluster, Place
from apps.simcluster.shapes.controllers import controller
from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.meta import Manifest, metadata
from apps.simcluster.shapes.options import read_options
from apps.simcluster.shapes.workloads import injection, service_account

INSTALLED_DAYS_AGO = 70


def component(
    cluster: Cluster,
    place: Place,
    name: str,
    container: Manifest | list[Manifest],
    *,
    labels: dict[str, str],
    selector: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    pod_annotations: dict[str, str] | None = None,
    kind: str = "Deployment",
    replicas: int = 1,
    host_network: bool = False,
    age: int = INSTALLED_DAYS_AGO,
) -> list[Manifest]:
    """The manifests of one component; `labels` go to the workload and its pods, as charts have it."""
    written = {
        "kind": kind,
        "replicas": replicas,
        "host_network": host_network,
        "pod_labels": labels,
        "age": age,
        "finished": False,
        "service": False,
    }
    options = read_options(Fields(written, file=name))
    containers = container if isinstance(container, list) else [container]
    template = _template(name, containers, labels, pod_annotations or {}, host_network=host_network)
    build = Build(
        cluster=cluster,
        namespace=place.name,
        name=name,
        options=options,
        labels=dict(labels),
        annotations=dict(annotations or {}),
        selector=selector or {"app": labels["app"]},
        current=template,
        older=None,
        older_pods=Rolled.ALL,
        injection=injection(cluster, place, options),
    )
    return [service_account(cluster, place, name, age), *controller(build)]


def _template(
    name: str,
    containers: list[Manifest],
    labels: dict[str, str],
    annotations: dict[str, str],
    *,
    host_network: bool,
) -> Manifest:
    spec: Manifest = {
        "containers": [{"imagePullPolicy": "IfNotPresent", "resources": {}} | row for row in containers],
        "serviceAccountName": name,
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
    }
    if host_network:
        spec["hostNetwork"] = True
    meta = {"labels": dict(labels)} | ({"annotations": dict(annotations)} if annotations else {})
    return {"metadata": meta, "spec": spec}


def service(
    cluster: Cluster,
    place: Place,
    name: str,
    selector: dict[str, str],
    ports: list[tuple[str, int, int]],
    **spec: object,
) -> Manifest:
    """A Service; `ports` are (name, port, target port)."""
    meta = metadata(cluster.stamp, "Service", place.name, name, labels=selector, age=INSTALLED_DAYS_AGO)
    rows = [
        {"name": port_name, "port": port, "protocol": "TCP", "targetPort": target}
        for port_name, port, target in ports
    ]
    body = {"type": "ClusterIP", "selector": selector, "ports": rows, "sessionAffinity": "None"} | spec
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": body, "status": {}}


def config_map(
    cluster: Cluster, place: Place, name: str, data: dict[str, str], labels: dict[str, str] | None = None
) -> Manifest:
    meta = metadata(cluster.stamp, "ConfigMap", place.name, name, labels=labels, age=INSTALLED_DAYS_AGO)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
