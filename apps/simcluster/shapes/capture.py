"""How Speedscale's capture shows on a workload: annotations, labels, goproxy, the Java agent, replay mocks.

Speedscale's operator mutates the workload object, not only the pod (its FAQ prints a Deployment with the
sidecar in the template), so a template can be ahead of its pods. Must not know pods, Istio or the API server.
"""

from dataclasses import dataclass
from enum import StrEnum

from apps.simcluster.shapes.meta import Manifest, copied

INJECT = {"sidecar.speedscale.com/inject": "true"}
NOT_INJECT = {"sidecar.speedscale.com/inject": "false"}
CAPTURE = {"capture.speedscale.com/enabled": "true"}
JAVA_AGENT = {"capture.speedscale.com/java-agent": "true"}
IGNORE = {"operator.speedscale.com/ignore": "true"}
TLS_OUT = {"sidecar.speedscale.com/tls-out": "true"}
INJECTED_LABEL = {"sidecar.speedscale.com/injected": "true"}
SUT_LABEL = {"operator.speedscale.com/sut": "true"}


class SpeedscaleState(StrEnum):
    NONE = "none"
    INJECTED = "injected"
    ANNOTATED = "annotated"  # asked for, nothing happened
    STALE = "stale"  # the template has the sidecar, the pods are older
    PARTIAL = "partial"  # a rollout that stopped half way
    TEMPLATE_ONLY = "template-only"  # annotation on the pod template, where the operator does not look
    CONFLICT = "conflict"  # both captures asked for; the operator refuses
    IGNORED = "ignored"
    ORPHAN = "orphan"  # the sidecar is there, the annotation is gone
    SWITCHED_OFF = "switched-off"
    EBPF = "ebpf"
    EBPF_TEMPLATE_ONLY = "ebpf-template-only"
    JAVA = "java"  # eBPF with the Java agent


class TemplateChange(StrEnum):
    NOTHING = "nothing"
    GOPROXY = "goproxy"
    JAVA_AGENT = "java-agent"


class Rolled(StrEnum):
    ALL = "all"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a state means: annotations on workload and template, the mutation, how many pods have it."""

    annotations: dict[str, str]
    template_annotations: dict[str, str]
    change: TemplateChange = TemplateChange.NOTHING
    rolled: Rolled = Rolled.ALL


PLANS: dict[SpeedscaleState, Plan] = {
    SpeedscaleState.NONE: Plan({}, {}),
    SpeedscaleState.INJECTED: Plan(INJECT, {}, TemplateChange.GOPROXY),
    SpeedscaleState.ANNOTATED: Plan(INJECT, {}),
    SpeedscaleState.STALE: Plan(INJECT, {}, TemplateChange.GOPROXY, Rolled.NONE),
    SpeedscaleState.PARTIAL: Plan(INJECT, {}, TemplateChange.GOPROXY, Rolled.SOME),
    SpeedscaleState.TEMPLATE_ONLY: Plan({}, INJECT),
    SpeedscaleState.CONFLICT: Plan(INJECT | CAPTURE, {}),
    SpeedscaleState.IGNORED: Plan(INJECT | IGNORE, {}),
    SpeedscaleState.ORPHAN: Plan({}, {}, TemplateChange.GOPROXY),
    SpeedscaleState.SWITCHED_OFF: Plan(NOT_INJECT, {}),
    SpeedscaleState.EBPF: Plan(CAPTURE, {}),
    SpeedscaleState.EBPF_TEMPLATE_ONLY: Plan({}, CAPTURE),
    SpeedscaleState.JAVA: Plan(CAPTURE | JAVA_AGENT, {}, TemplateChange.JAVA_AGENT),
}


@dataclass(frozen=True, slots=True)
class Operator:
    """The Speedscale installation in a cluster; `node_capture` is its eBPF DaemonSet."""

    namespace: str
    version: str
    instance: str  # operator.speedscale.com/managed-by
    node_capture: bool

    @property
    def goproxy_image(self) -> str:
        return f"gcr.io/speedscale/goproxy:v{self.version}"


def mark(operator: Operator) -> dict[str, str]:
    """The annotations that the operator leaves on a workload it changed."""
    return {
        "operator.speedscale.com/managed-by": operator.instance,
        "operator.speedscale.com/namespace": operator.namespace,
    }


def labels_for(change: TemplateChange) -> dict[str, str]:
    """The labels that the operator leaves on a workload for a change of its template."""
    return INJECTED_LABEL | SUT_LABEL if change is TemplateChange.GOPROXY else {}


def mutated(template: Manifest, change: TemplateChange, operator: Operator, *, tls_out: bool) -> Manifest:
    """A copy of a pod template after the operator's webhook changed it."""
    template = copied(template)
    if change is TemplateChange.GOPROXY:
        _add_goproxy(template, operator, tls_out=tls_out)
    if change is TemplateChange.JAVA_AGENT:
        _add_java_agent(template, operator)
    return template


def with_responder(template: Manifest, operator: Operator, responder_ip: str, hosts: list[str]) -> Manifest:
    """A copy of a template whose outgoing calls go to a replay's responder."""
    template = copied(template)
    spec = template["spec"]
    spec.setdefault("initContainers", []).append(
        {
            "name": "speedscale-initproxy-responder",
            "image": operator.goproxy_image,
            "command": ["init-responder.sh"],
            "env": [{"name": "RESPONDER_IP", "value": responder_ip}],
            "resources": {},
        }
    )
    spec["hostAliases"] = [{"ip": responder_ip, "hostnames": hosts}]
    return template


def _add_goproxy(template: Manifest, operator: Operator, *, tls_out: bool) -> None:
    template["metadata"].setdefault("labels", {}).update(INJECTED_LABEL)
    spec = template["spec"]
    inits = spec.setdefault("initContainers", [])
    for name, command in (
        ("iptables", ["init-iptables.sh"]),
        ("smartdns", ["sh", "-c", "init-smartdns.sh || true"]),
    ):
        inits.append(_init_container(f"speedscale-initproxy-{name}", command, operator))
    sidecar = _sidecar(template, operator)
    if tls_out:
        sidecar["env"].append({"name": "TLS_OUT_UNWRAP", "value": "true"})
        sidecar["volumeMounts"] = [{"name": "speedscale-tls-out", "mountPath": "/etc/ssl/speedscale"}]
        spec.setdefault("volumes", []).append(
            {"name": "speedscale-tls-out", "secret": {"secretName": "speedscale-certs", "defaultMode": 420}}
        )
    spec["containers"].append(sidecar)


def _sidecar(template: Manifest, operator: Operator) -> Manifest:
    app = template["metadata"]["labels"].get("app", "")
    forwarder = f"speedscale-forwarder.{operator.namespace}.svc:80"
    return {
        "name": "speedscale-goproxy",
        "image": operator.goproxy_image,
        "imagePullPolicy": "Always",
        "ports": [{"containerPort": 4143, "name": "proxy-in", "protocol": "TCP"}],
        "env": [
            {"name": "APP_LABEL", "value": app},
            _from_field("APP_POD_NAME", "metadata.name"),
            _from_field("APP_POD_NAMESPACE", "metadata.namespace"),
            {"name": "CAPTURE_MODE", "value": "proxy"},
            {"name": "FORWARDER_ADDR", "value": forwarder},
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "PROXY_IN_PORT", "value": "4143"},
            {"name": "PROXY_OUT_PORT", "value": "4140"},
            {"name": "PROXY_TYPE", "value": "transparent"},
            _from_field("SPEC_NODENAME", "spec.nodeName"),
            _from_field("SPEC_SERVICEACCOUNTNAME", "spec.serviceAccountName"),
            _from_field("STATUS_HOST_IP", "status.hostIP"),
            _from_field("STATUS_POD_IP", "status.podIP"),
            {"name": "TLS_CERT_DIR", "value": "/etc/ssl/speedscale"},
            {"name": "TLS_AUTODISCOVERY", "value": "false"},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "runAsUser": 2102,
            "runAsGroup": 2102,
            "readOnlyRootFilesystem": False,
            "capabilities": {"add": ["NET_RAW"]},
        },
    }


def _init_container(name: str, command: list[str], operator: Operator) -> Manifest:
    return {
        "name": name,
        "image": operator.goproxy_image,
        "command": command,
        "env": [
            {"name": "PROXY_IN_PORT", "value": "4143"},
            {"name": "PROXY_OUT_PORT", "value": "4140"},
            {"name": "PROXY_UID", "value": "2102"},
            {"name": "CAPTURE_MODE", "value": "proxy"},
            {"name": "PROXY_TYPE", "value": "transparent"},
            _from_field("STATUS_POD_IP", "status.podIP"),
            _from_field("STATUS_HOST_IP", "status.hostIP"),
        ],
        "resources": {
            "limits": {"cpu": "100m", "memory": "50Mi"},
            "requests": {"cpu": "10m", "memory": "32Mi"},
        },
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_RAW", "NET_ADMIN"]},
        },
    }


def _add_java_agent(template: Manifest, operator: Operator) -> None:
    spec = template["spec"]
    mount = {"name": "nettap-agent", "mountPath": "/nettap-agent"}
    spec.setdefault("volumes", []).append({"name": "nettap-agent", "emptyDir": {}})
    spec.setdefault("initContainers", []).append(
        {
            "name": "speedscale-initproxy-java-agent",
            "image": operator.goproxy_image,
            "command": ["init-java-agent.sh"],
            "volumeMounts": [mount],
            "resources": {},
        }
    )
    agent = f"-javaagent:/nettap-agent/nettap-agent.jar=speedscale-nettap.{operator.namespace}:8000"
    app = spec["containers"][0]
    app.setdefault("env", []).append({"name": "JAVA_TOOL_OPTIONS", "value": agent})
    app.setdefault("volumeMounts", []).append(mount)


def _from_field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
