"""What a server fills in: the few defaults of built-in kinds that clients and diffs see, and stated ones."""

import copy
import zlib
from collections.abc import Callable
from typing import Any

from apps.simcluster.kinds import Resource
from apps.simcluster.schema import ANY, Json, Node

_NOT_READY_SECONDS = 300


def _default(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _container(container: Json) -> None:
    tag = str(container.get("image", "")).rpartition("/")[2]
    always = tag.endswith(":latest") or (":" not in tag and "@" not in tag)
    _default(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if always else "IfNotPresent",
    )
    for port in container.get("ports") or ():
        _default(port, protocol="TCP")


def _pod_spec(spec: Json) -> None:
    for name in ("containers", "initContainers"):
        for container in spec.get(name) or ():
            _container(container)
    _default(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )


def _pod(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec(spec)
    _default(spec, enableServiceLinks=True)
    for condition in (obj.get("status") or {}).get("conditions") or ():
        _default(condition, lastProbeTime=None, lastTransitionTime=None)


def _template(obj: Json) -> None:
    template = obj.setdefault("spec", {}).setdefault("template", {})
    _pod_spec(template.setdefault("spec", {}))


def _deployment(obj: Json) -> None:
    _template(obj)
    spec = obj["spec"]
    _default(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    _default(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _default(strategy.setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    obj.setdefault("status", {})


def _stateful_set(obj: Json) -> None:
    _template(obj)
    _default(obj["spec"], replicas=1, podManagementPolicy="OrderedReady", revisionHistoryLimit=10)


def _daemon_set(obj: Json) -> None:
    _template(obj)
    _default(obj["spec"], revisionHistoryLimit=10)


def _replica_set(obj: Json) -> None:
    _template(obj)
    _default(obj["spec"], replicas=1)


def _network_policy(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    _default(spec, policyTypes=["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            _default(port, protocol="TCP")


def _service(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    for port in spec.get("ports") or ():
        _default(port, protocol="TCP")
        if "port" in port:
            _default(port, targetPort=port["port"])
    _default(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _match_resources(match: Json) -> None:
    _default(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for name in ("resourceRules", "excludeResourceRules"):
        for rule in match.get(name) or ():
            _default(rule, scope="*")


def _policy(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    _default(spec, failurePolicy="Fail")
    if spec.get("matchConstraints"):
        _match_resources(spec["matchConstraints"])
    obj.setdefault("status", {})


def _policy_binding(obj: Json) -> None:
    if obj.get("spec", {}).get("matchResources"):
        _match_resources(obj["spec"]["matchResources"])


_DEFAULTS: dict[tuple[str, str], Callable[[Json], None]] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _template,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): _policy,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): _policy_binding,
}


def complete(resource: Resource, obj: Json) -> None:
    """Set in place what a server fills in: the defaults of a built-in kind, or those a definition states."""
    if resource.custom:
        _fill_stated(obj, resource.schema)
    else:
        fill(resource.group, resource.kind, obj)


def _fill_stated(value: Any, node: Node) -> None:
    if isinstance(value, dict):
        for name, below in node.fields.items():
            if below.default is not None and value.get(name) is None:
                value[name] = copy.deepcopy(below.default)
        for name, member in value.items():
            found = node.child(name)
            if found is not None:
                _fill_stated(member, found)
    elif isinstance(value, list):
        for item in value:
            _fill_stated(item, node.item or ANY)


def fill(group: str, kind: str, obj: Json) -> None:
    """Set the defaults of a built-in kind in place; an object of a wrong shape is left to validation."""
    setter = _DEFAULTS.get((group, kind))
    if setter is not None:
        try:
            setter(obj)
        except (AttributeError, TypeError):
            return


def on_create(group: str, kind: str, obj: Json) -> None:
    """What admission and the registry add to a new object of a built-in kind, after ownership was
    recorded.
    """
    if (group, kind) == ("", "Namespace"):
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        obj["status"] = {"phase": "Active"}
    elif (group, kind) == ("", "Pod"):
        _new_pod(obj)
    elif (group, kind) == ("", "Service"):
        _new_service(obj)


def _new_pod(obj: Json) -> None:
    spec = obj["spec"]
    tolerations = list(spec.get("tolerations") or ())
    for state in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{state}"
        if not any(item.get("key") == key for item in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _NOT_READY_SECONDS,
                }
            )
    spec["tolerations"] = tolerations
    _default(spec, priority=0, preemptionPolicy="PreemptLowerPriority", serviceAccountName="default")
    obj.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})


def _new_service(obj: Json) -> None:
    spec, meta = obj["spec"], obj["metadata"]
    if spec.get("type") == "ExternalName":
        return
    digest = zlib.crc32(f"{meta.get('namespace')}/{meta.get('name')}".encode())
    address = f"10.{96 + digest % 8}.{(digest >> 8) % 256}.{1 + (digest >> 16) % 254}"
    _default(spec, clusterIP=address)
    _default(spec, clusterIPs=[spec["clusterIP"]], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
