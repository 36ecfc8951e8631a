"""Istio as installed by its charts: istiod, its ConfigMaps, the CNI agent, ztunnel, gateways.

Must not know the application's workloads.
"""

import json

import yaml

from apps.simcluster.shapes.cluster import Cluster, Place
from apps.simcluster.shapes.components import component, config_map, service
from apps.simcluster.shapes.injectors import injector_webhooks
from apps.simcluster.shapes.mesh import DEFAULT_REVISION, Mesh, Revision
from apps.simcluster.shapes.meta import Manifest

NOT_INJECTED = {"sidecar.istio.io/inject": "false"}
NATIVE_SIDECARS = "ENABLE_NATIVE_SIDECARS"


def install(cluster: Cluster, mesh: Mesh, places: dict[str, Place]) -> list[Manifest]:
    """All objects of Istio itself; `places` holds every namespace of the cluster by name."""
    home = places[mesh.namespace]
    made: list[Manifest] = []
    for revision in mesh.revisions:
        made += _control_plane(cluster, mesh, home, revision)
    made += injector_webhooks(cluster, mesh)
    if mesh.cni:
        made += _node_agent(cluster, mesh, home, "istio-cni-node", "install-cni", "install-cni")
    if mesh.ambient:
        made += _node_agent(cluster, mesh, home, "ztunnel", "istio-proxy", "ztunnel")
    for gateway in mesh.gateways:
        made += _gateway(cluster, mesh, places[f"istio-{gateway}"], f"istio-{gateway}gateway", gateway)
    return made


def namespaces(mesh: Mesh) -> list[str]:
    return [mesh.namespace, *(f"istio-{gateway}" for gateway in mesh.gateways)]


def _control_plane(cluster: Cluster, mesh: Mesh, home: Place, revision: Revision) -> list[Manifest]:
    name = f"istiod{revision.suffix}"
    marks = {"app": "istiod", "istio.io/rev": revision.name}
    selector = {"app": "istiod"} | (
        {"istio.io/rev": revision.name} if revision.suffix else {"istio": "pilot"}
    )
    labels = marks | selector | {"operator.istio.io/component": "Pilot", "release": "istiod"} | NOT_INJECTED
    ports = [
        ("grpc-xds", 15010, 15010),
        ("https-dns", 15012, 15012),
        ("https-webhook", 443, 15017),
        ("http-monitoring", 15014, 15014),
    ]
    # The `istio` ConfigMap holds MeshConfig as a string of YAML under the key `mesh`.
    mesh_config = {"mesh": yaml.safe_dump(revision.mesh, sort_keys=False), "meshNetworks": "networks: {}"}
    # What the chart keeps of its values for the injection template: global, pilot.cni, pilot.env, revision.
    pilot = {
        "cni": {"enabled": mesh.cni},
        "env": {NATIVE_SIDECARS: "true" if mesh.native_sidecars else "false"},
    }
    everywhere = {"istioNamespace": mesh.namespace, "network": ""}
    values = {"global": everywhere, "pilot": pilot, "revision": revision.name}
    return [
        *component(cluster, home, name, _discovery(revision), labels=labels, selector=selector, replicas=2),
        service(cluster, home, name, selector, ports),
        config_map(cluster, home, f"istio{revision.suffix}", mesh_config, {"istio.io/rev": revision.name}),
        config_map(
            cluster,
            home,
            f"istio-sidecar-injector{revision.suffix}",
            {"values": json.dumps(values), "config": "policy: enabled\n"},
            {"istio.io/rev": revision.name},
        ),
    ]


def _discovery(revision: Revision) -> Manifest:
    """istiod's container; the env is what a reader of control planes looks at."""
    fixed = {
        "REVISION": revision.name,
        "PILOT_CERT_PROVIDER": "istiod",
        "CLUSTER_ID": "Kubernetes",
        "PILOT_TRACE_SAMPLING": "1",
        "PILOT_ENABLE_ANALYSIS": "false",
        "EXTERNAL_ISTIOD": "false",
    }
    return {
        "name": "discovery",
        "image": f"docker.io/istio/pilot:{revision.version}",
        "args": ["discovery", "--monitoringAddr=:15014", "--domain", "cluster.local"],
        "env": [{"name": key, "value": value} for key, value in fixed.items()],
        "ports": [
            {"containerPort": port, "name": port_name, "protocol": "TCP"}
            for port_name, port in (
                ("http-debug", 8080),
                ("grpc-xds", 15010),
                ("tls-xds", 15012),
                ("https", 15017),
            )
        ],
        "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}},
    }


def _node_agent(
    cluster: Cluster, mesh: Mesh, home: Place, name: str, container: str, image: str
) -> list[Manifest]:
    labels = {"app": name, "k8s-app": name, "istio.io/dataplane-mode": "none"} | NOT_INJECTED
    written = {"name": container, "image": f"docker.io/istio/{image}:{mesh.revisions[-1].version}"}
    return component(
        cluster, home, name, written, labels=labels, kind="DaemonSet", host_network=name == "istio-cni-node"
    )


def _gateway(cluster: Cluster, mesh: Mesh, place: Place, name: str, which: str) -> list[Manifest]:
    labels = {"app": name, "istio": f"{which}gateway", "sidecar.istio.io/inject": "true"}
    if mesh.revision(DEFAULT_REVISION) is None:
        labels["istio.io/rev"] = next(iter(mesh.tags), mesh.revisions[0].name)
    container = {"name": "istio-proxy", "image": "auto"}
    # https://istio.io/latest/docs/setup/additional-setup/gateway/: the injector fills `image: auto`.
    template = {"inject.istio.io/templates": "gateway"}
    ports = [("status-port", 15021, 15021), ("http2", 80, 8080), ("https", 443, 8443)]
    kind = {"type": "LoadBalancer"} if which == "ingress" else {"type": "ClusterIP"}
    selector = {"app": name, "istio": f"{which}gateway"}
    return [
        *component(
            cluster,
            place,
            name,
            container,
            labels=labels,
            selector=selector,
            pod_annotations=template,
            replicas=2,
        ),
        service(cluster, place, name, selector, ports, **kind),
    ]
