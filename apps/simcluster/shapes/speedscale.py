"""Speedscale's operator as its chart and the operator itself install it, in one namespace.

Names, ports, selectors and failure policies as in the public chart (2.5.602): the sidecar webhook ignores
failures, the replay webhooks do not. Must not know single workloads beyond the names it captures by eBPF.
"""

import yaml

from apps.simcluster.shapes.capture import Operator
from apps.simcluster.shapes.cluster import Cluster, Place
from apps.simcluster.shapes.components import INSTALLED_DAYS_AGO, component, config_map, service
from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.meta import Manifest, Stamp, metadata

NETTAP_VERSION = "v0.1.25"
EXCLUDED = ["kube-system", "kube-node-lease"]
COMPONENT = "controlplane.speedscale.com/component"
NETTAP = "speedscale-nettap"
TARGETS, TARGETS_KEY = "speedscale-nettap-targets", "targets.yaml"
SETTINGS = "speedscale-operator"


def read_operator(fields: Fields, stamp: Stamp) -> Operator:
    operator = Operator(
        namespace=fields.text("namespace", "speedscale"),
        version=fields.text("version", "2.5.602"),
        instance=f"{stamp.cluster}-{stamp.uid('Instance', '', stamp.cluster)}",
        node_capture=fields.flag("node_capture", True),
    )
    fields.done()
    return operator


def install(
    cluster: Cluster, operator: Operator, home: Place, captured: list[tuple[str, str]]
) -> list[Manifest]:
    """All objects of the operator; `captured` are (namespace, workload) annotated for eBPF capture."""
    made = [
        *_deployment(cluster, operator, home, "operator", [443, 8081]),
        *_deployment(cluster, operator, home, "forwarder", [8888, 4317]),
        *_deployment(cluster, operator, home, "inspector", [8080]),
        *_services(cluster, home),
        *_config_maps(cluster, operator, home),
        *_webhooks(cluster, home),
        _replay_definition(cluster),
    ]
    if operator.node_capture:
        made += _nettap(cluster, operator, home, captured)
    return made


def _deployment(
    cluster: Cluster, operator: Operator, home: Place, part: str, ports: list[int]
) -> list[Manifest]:
    name = f"speedscale-{part}"
    container = {
        "name": part,
        "image": f"gcr.io/speedscale/{part}:v{operator.version}",
        "ports": [{"containerPort": port, "protocol": "TCP"} for port in ports],
        "envFrom": [{"configMapRef": {"name": "speedscale-operator"}}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    ignore = {"operator.speedscale.com/ignore": "true"} if part == "operator" else {}
    labels = {"app": name, COMPONENT: part}
    return component(cluster, home, name, container, labels=labels, annotations=ignore)


def _services(cluster: Cluster, home: Place) -> list[Manifest]:
    return [
        service(cluster, home, "speedscale-operator", {"app": "speedscale-operator"}, [("https", 443, 443)]),
        service(
            cluster,
            home,
            "speedscale-forwarder",
            {"app": "speedscale-forwarder", COMPONENT: "forwarder"},
            [("http", 80, 8888), ("grpc", 8888, 8888), ("otlp", 4317, 4317)],
        ),
    ]


def _config_maps(cluster: Cluster, operator: Operator, home: Place) -> list[Manifest]:
    settings = {
        "CLUSTER_NAME": cluster.stamp.cluster,
        "IMAGE_REGISTRY": "gcr.io/speedscale",
        "IMAGE_TAG": f"v{operator.version}",
        "INSTANCE_ID": operator.instance,
        "LOG_LEVEL": "info",
        "WITH_DLP": "false",
        "WITH_INSPECTOR": "true",
        "PRIVILEGED_SIDECARS": "false",
        "DISABLE_SMARTDNS": "false",
    }
    forwarder = {"SPEEDSCALE_FILTER_RULE": "standard", "EXPORTERS": "[]"}
    return [
        config_map(cluster, home, SETTINGS, settings),
        config_map(cluster, home, "speedscale-forwarder", forwarder),
    ]


def _nettap(
    cluster: Cluster, operator: Operator, home: Place, captured: list[tuple[str, str]]
) -> list[Manifest]:
    name = NETTAP
    containers: list[Manifest] = [
        {
            "name": "speedscale-nettap-capture",
            "image": f"gcr.io/speedscale/nettap:{NETTAP_VERSION}",
            "ports": [{"containerPort": 8080, "name": "api"}, {"containerPort": 8000, "name": "java-agent"}],
        },
        {
            "name": "speedscale-nettap-ingest",
            "image": operator.goproxy_image,
            "env": [{"name": "FORWARDER_ADDR", "value": f"speedscale-forwarder.{home.name}.svc:80"}],
            "ports": [{"containerPort": 4144, "name": "health"}, {"containerPort": 4145, "name": "metrics"}],
        },
    ]
    targets = [target(namespace, workload, {"app": workload}) for namespace, workload in captured]
    return [
        *component(
            cluster,
            home,
            name,
            containers,
            labels={"app": name},
            annotations={"controlplane.speedscale.com/annotations": "true"},
            kind="DaemonSet",
            host_network=True,
        ),
        service(
            cluster,
            home,
            name,
            {"app": name},
            [("api", 80, 8080), ("java-agent", 8000, 8000)],
            internalTrafficPolicy="Local",
        ),
        config_map(cluster, home, name, {"config.yaml": "capture:\n  targets: []\n"}),
        config_map(cluster, home, TARGETS, targets_data(targets)),
    ]


def target(namespace: str, workload: str, selector: dict[str, str]) -> Manifest:
    """One workload to capture on the nodes, by the labels of its pods."""
    return {"name": f"{namespace}-{workload}", "namespaces": [namespace], "podSelector": selector}


def targets_data(targets: list[Manifest]) -> dict[str, str]:
    """The data of the ConfigMap by which the operator tells the nodes what to capture."""
    return {TARGETS_KEY: yaml.safe_dump({"targets": targets})}


def _webhooks(cluster: Cluster, home: Place) -> list[Manifest]:
    def rule(group: str, versions: list[str], resources: list[str], operations: list[str]) -> Manifest:
        return {
            "apiGroups": [group],
            "apiVersions": versions,
            "resources": resources,
            "operations": operations,
            "scope": "*",
        }

    all_operations = ["CREATE", "UPDATE", "DELETE"]
    workloads = ["deployments", "statefulsets", "daemonsets", "replicasets"]
    sidecar = _hook(home, "sidecar.speedscale.com", "/mutate", "Ignore") | {
        "reinvocationPolicy": "IfNeeded",
        "rules": [
            rule("apps", ["v1"], workloads, all_operations),
            rule("batch", ["v1"], ["jobs"], all_operations),
            rule("", ["v1"], ["pods"], all_operations),
            rule("argoproj.io", ["*"], ["rollouts"], all_operations),
        ],
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": EXCLUDED}
            ]
        },
    }
    replays = rule("speedscale.com", ["v1"], ["trafficreplays"], ["CREATE", "UPDATE"])
    mutate, validate = (
        _hook(home, "replay.speedscale.com", f"/{verb}-speedscale-com-v1-trafficreplay", "Fail")
        | {"rules": [replays]}
        for verb in ("mutate", "validate")
    )
    return [
        _configuration(cluster, "Mutating", "speedscale-operator", sidecar),
        _configuration(cluster, "Mutating", "speedscale-operator-replay", mutate),
        _configuration(cluster, "Validating", "speedscale-operator-replay", validate),
    ]


def _hook(home: Place, name: str, path: str, failure: str) -> Manifest:
    target = {"name": "speedscale-operator", "namespace": home.name, "path": path, "port": 443}
    return {
        "name": name,
        "clientConfig": {"service": target},
        "admissionReviewVersions": ["v1"],
        "failurePolicy": failure,
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "sideEffects": "None" if failure == "Fail" else "NoneOnDryRun",
        "timeoutSeconds": 10,
    }


def _configuration(cluster: Cluster, which: str, name: str, hook: Manifest) -> Manifest:
    kind = f"{which}WebhookConfiguration"
    meta = metadata(cluster.stamp, kind, "", name, age=INSTALLED_DAYS_AGO, generation=1)
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": meta,
        "webhooks": [hook],
    }


def _replay_definition(cluster: Cluster) -> Manifest:
    kind = "CustomResourceDefinition"
    meta = metadata(cluster.stamp, kind, "", "trafficreplays.speedscale.com", age=INSTALLED_DAYS_AGO)
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }
    names = {
        "kind": "TrafficReplay",
        "listKind": "TrafficReplayList",
        "plural": "trafficreplays",
        "singular": "trafficreplay",
        "shortNames": ["replay"],
    }
    established = {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": kind,
        "metadata": meta,
        "spec": {"group": "speedscale.com", "names": names, "scope": "Namespaced", "versions": [version]},
        "status": {"acceptedNames": names, "conditions": [established], "storedVersions": ["v1"]},
    }
