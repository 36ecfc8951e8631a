"""What Istio's injection adds to a pod: istio-proxy as container or native sidecar, init container, marks.

Follows the injected pods in Istio's own test data (pkg/kube/inject/testdata: hello, native-sidecar) in the
fields that a reader of pods meets. Must not know scenarios or Speedscale: what a pod belongs to is read from
the pod, as the injector does.
"""

import json
import re
from dataclasses import dataclass

from apps.simcluster.shapes.mesh import Mesh, Revision
from apps.simcluster.shapes.meta import Manifest

PROXY_UID = 1337
# A CronJob names its Jobs by itself and the minute since 1970.
CRON_JOB = re.compile(r"^(.+)-\d{8,10}$")
ISTIO_VOLUMES = (
    "workload-socket",
    "credential-socket",
    "workload-certs",
    "istio-envoy",
    "istio-data",
    "istio-podinfo",
    "istio-token",
    "istiod-ca-cert",
)
MOUNTS = {
    "workload-socket": "/var/run/secrets/workload-spiffe-uds",
    "credential-socket": "/var/run/secrets/credential-uds",
    "workload-certs": "/var/run/secrets/workload-spiffe-credentials",
    "istiod-ca-cert": "/var/run/secrets/istio",
    "istio-data": "/var/lib/istio/data",
    "istio-envoy": "/etc/istio/proxy",
    "istio-token": "/var/run/secrets/tokens",
    "istio-podinfo": "/etc/istio/pod",
}
LIMITS = {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}


@dataclass(frozen=True, slots=True)
class Workload:
    """What a pod belongs to."""

    api_version: str
    kind: str
    name: str


def workload_of(pod: Manifest) -> Workload:
    """As Istio guesses it (pkg/kube, GetWorkloadMetaFromPod), past replica sets and the jobs of cron jobs."""
    meta = pod["metadata"]
    owners = meta.get("ownerReferences") or ()
    owner = next((row for row in owners if row.get("controller")), None) if meta.get("generateName") else None
    if owner is None:
        return Workload("v1", "Pod", meta.get("name") or meta.get("generateName", ""))
    api_version, kind, name = (str(owner.get(field, "")) for field in ("apiVersion", "kind", "name"))
    digest = (meta.get("labels") or {}).get("pod-template-hash", "")
    if kind == "ReplicaSet" and digest and name.endswith(f"-{digest}"):
        return Workload(api_version, "Deployment", name.removesuffix(f"-{digest}"))
    scheduled = CRON_JOB.match(name) if kind == "Job" else None
    if scheduled:
        return Workload("batch/v1", "CronJob", scheduled[1])
    return Workload(api_version, kind, name)


def inject(pod: Manifest, mesh: Mesh, revision: Revision, *, version: str) -> None:
    """Change a pod's metadata and spec in place, as the sidecar injector does; `version` is the proxy's."""
    spec = pod["spec"]
    app = spec["containers"][0]["name"]
    proxy = _proxy(pod, mesh, revision, version)
    setup = _validation(version) if mesh.cni else _init(version)
    inits = spec.setdefault("initContainers", [])
    if mesh.native_sidecars:
        proxy["restartPolicy"] = "Always"
        proxy["startupProbe"] = _probe(failures=600, period=1)
        inits[:0] = [setup, proxy]
    else:
        inits.insert(0 if mesh.cni else len(inits), setup)
        spec["containers"].append(proxy)
    spec.setdefault("volumes", []).extend(_volumes())
    _mark(pod, mesh, revision, setup["name"], app)


def gateway(pod: Manifest, mesh: Mesh, revision: Revision, *, version: str) -> None:
    """Fill the `image: auto` container of a gateway pod, as the injector's gateway template does."""
    spec = pod["spec"]
    written = spec["containers"][0]
    proxy = _proxy(pod, mesh, revision, version)
    proxy["args"][1] = "router"
    proxy["ports"] = [*written.get("ports", []), *proxy["ports"]]
    spec["containers"] = [proxy]
    spec.setdefault("volumes", []).extend(_volumes())
    _mark(pod, mesh, revision, "", "istio-proxy")


def _mark(pod: Manifest, mesh: Mesh, revision: Revision, setup: str, app: str) -> None:
    meta = pod["metadata"]
    native = mesh.native_sidecars and setup
    init_names = [name for name in (setup, "istio-proxy" if native else "") if name]
    status = {
        "initContainers": init_names or None,
        "containers": None if native else ["istio-proxy"],
        "volumes": list(ISTIO_VOLUMES),
        "imagePullSecrets": None,
        "revision": revision.name,
    }
    annotations = {
        "istio.io/rev": revision.name,
        "kubectl.kubernetes.io/default-container": app,
        "kubectl.kubernetes.io/default-logs-container": app,
        "prometheus.io/path": "/stats/prometheus",
        "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
        "sidecar.istio.io/status": json.dumps(status, separators=(",", ":")),
    }
    if mesh.cni and setup:
        annotations |= {
            "sidecar.istio.io/interceptionMode": "REDIRECT",
            "traffic.sidecar.istio.io/excludeInboundPorts": "15020",
            "traffic.sidecar.istio.io/includeInboundPorts": "*",
            "traffic.sidecar.istio.io/includeOutboundIPRanges": "*",
        }
    labels = meta.setdefault("labels", {})
    meta["annotations"] = annotations | meta.get("annotations", {})
    labels.setdefault("security.istio.io/tlsMode", "istio")
    # pilot/pkg/model labels: the recommended labels first, then the customary ones.
    named = labels.get("app.kubernetes.io/name") or labels.get("app") or workload_of(pod).name
    labels.setdefault("service.istio.io/canonical-name", named)
    versioned = labels.get("app.kubernetes.io/version") or labels.get("version") or "latest"
    labels.setdefault("service.istio.io/canonical-revision", versioned)


def _proxy(pod: Manifest, mesh: Mesh, revision: Revision, version: str) -> Manifest:
    return {
        "name": "istio-proxy",
        "image": f"docker.io/istio/proxyv2:{version}",
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "proxy",
            "sidecar",
            "--domain",
            "$(POD_NAMESPACE).svc.cluster.local",
            "--proxyLogLevel=warning",
            "--proxyComponentLogLevel=misc:error",
            "--log_output_level=default:info",
        ],
        "env": _environment(pod, mesh, revision),
        "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
        "readinessProbe": _probe(failures=4, period=15),
        "resources": LIMITS,
        "securityContext": _security(PROXY_UID, added=(), read_only=True),
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in MOUNTS.items()],
    }


def _environment(pod: Manifest, mesh: Mesh, revision: Revision) -> list[Manifest]:
    trust_domain = str(revision.mesh.get("trustDomain", "cluster.local"))
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    workload = workload_of(pod)
    place = f"{workload.api_version}/namespaces/{pod['metadata']['namespace']}/{workload.kind.lower()}s"
    fixed = {
        "PILOT_CERT_PROVIDER": "istiod",
        "CA_ADDR": f"istiod{revision.suffix}.{mesh.namespace}.svc:15012",
        "PROXY_CONFIG": "{}\n",
        "ISTIO_META_POD_PORTS": json.dumps(ports),
        "ISTIO_META_APP_CONTAINERS": ",".join(row["name"] for row in pod["spec"]["containers"]),
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_META_WORKLOAD_NAME": workload.name,
        "ISTIO_META_OWNER": f"kubernetes://apis/{place}/{workload.name}",
        "ISTIO_META_MESH_ID": "cluster.local",
        "TRUST_DOMAIN": trust_domain,
    }
    read = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "INSTANCE_IP": "status.podIP",
        "SERVICE_ACCOUNT": "spec.serviceAccountName",
        "HOST_IP": "status.hostIP",
        "ISTIO_META_NODE_NAME": "spec.nodeName",
    }
    return [
        *({"name": name, "value": value} for name, value in fixed.items()),
        *(
            {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
            for name, path in read.items()
        ),
    ]


def _init(version: str) -> Manifest:
    return {
        "name": "istio-init",
        "image": f"docker.io/istio/proxyv2:{version}",
        "imagePullPolicy": "IfNotPresent",
        "args": _iptables(),
        "resources": LIMITS,
        "securityContext": _security(0, added=("NET_ADMIN", "NET_RAW"), read_only=False),
    }


def _validation(version: str) -> Manifest:
    return {
        "name": "istio-validation",
        "image": f"docker.io/istio/proxyv2:{version}",
        "imagePullPolicy": "IfNotPresent",
        "args": [*_iptables(), "--run-validation", "--skip-rule-apply"],
        "resources": LIMITS,
        "securityContext": _security(PROXY_UID, added=(), read_only=True),
    }


def _iptables() -> list[str]:
    redirect = ["istio-iptables", "-p", "15001", "-z", "15006", "-u", str(PROXY_UID), "-m", "REDIRECT"]
    return [*redirect, "-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"]


def _security(user: int, *, added: tuple[str, ...], read_only: bool) -> Manifest:
    capabilities: Manifest = {"drop": ["ALL"]}
    if added:
        capabilities["add"] = list(added)
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "privileged": False,
        "readOnlyRootFilesystem": read_only,
        "runAsGroup": user,
        "runAsNonRoot": user != 0,
        "runAsUser": user,
    }


def _probe(*, failures: int, period: int) -> Manifest:
    return {
        "failureThreshold": failures,
        "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
    }


def _volumes() -> list[Manifest]:
    token = {
        "serviceAccountToken": {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
    }
    info = [
        {"path": name, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{name}"}}
        for name in ("labels", "annotations")
    ]
    special: dict[str, Manifest] = {
        "istio-envoy": {"emptyDir": {"medium": "Memory"}},
        "istio-podinfo": {"downwardAPI": {"items": info, "defaultMode": 420}},
        "istio-token": {"projected": {"sources": [token], "defaultMode": 420}},
        "istiod-ca-cert": {"configMap": {"name": "istio-ca-root-cert", "defaultMode": 420}},
    }
    return [{"name": name, **special.get(name, {"emptyDir": {}})} for name in ISTIO_VOLUMES]
