"""What the server refuses of built-in kinds: the checks that clients meet in practice, with its texts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from apps.simcluster.errors import Cause, CauseType, quoted
from apps.simcluster.policy_validation import (
    binding_causes,
    definition_causes,
    named_expressions,
    policy_causes,
)
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds
from apps.simcluster.validation import invalid_value, metadata_causes, required

MAX_CONFIG_BYTES = 1_048_576
MAX_PORT = 65535
_SPECS: Mapping[str, Callable[[Json], Iterator[Cause]]] = {
    "ValidatingAdmissionPolicy": policy_causes,
    "ValidatingAdmissionPolicyBinding": binding_causes,
    "CustomResourceDefinition": definition_causes,
}
_LABEL_NAMES = {"Namespace", "Service"}
POD_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def core_causes(kind: str, obj: Json) -> list[Cause]:
    """Causes against a built-in object on its own."""
    causes = list(metadata_causes(obj.get("metadata") or {}, name_is_label=kind in _LABEL_NAMES))
    if kind in ("ConfigMap", "Secret"):
        causes += _size(obj)
    elif kind == "Pod":
        causes += _containers(obj.get("spec") or {}, "spec")
    elif kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        causes += _workload(obj.get("spec") or {})
    elif kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        causes += _webhooks(obj.get("webhooks") or ())
    elif kind in _SPECS:
        causes += _SPECS[kind](obj.get("spec") or {})
    elif kind == "Service":
        causes += _service(obj.get("spec") or {})
    return causes


def _size(obj: Json) -> Iterator[Cause]:
    total = sum(len(str(value).encode()) for value in (obj.get("data") or {}).values())
    if total > MAX_CONFIG_BYTES:
        yield Cause(CauseType.TOO_LONG, "[]", f"Too long: may not be more than {MAX_CONFIG_BYTES} bytes")


def _containers(spec: Json, path: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    for index, container in enumerate(spec.get("containers") or ()):
        for name in ("name", "image"):
            if not (container or {}).get(name):
                yield required(f"{path}.containers[{index}].{name}")


def _webhooks(webhooks: Sequence[Json]) -> Iterator[Cause]:
    """Side effects must be none in a dry run: version 1 of the registration takes nothing else."""
    for index, webhook in enumerate(webhooks):
        path, found = f"webhooks[{index}].sideEffects", webhook.get("sideEffects")
        if not found:
            yield required(path, "must specify one of None, NoneOnDryRun")
        elif found not in ("None", "NoneOnDryRun"):
            text = f'Unsupported value: {quoted(found)}: supported values: "None", "NoneOnDryRun"'
            yield Cause(CauseType.NOT_SUPPORTED, path, text)
        conditions = webhook.get("matchConditions") or ()
        yield from named_expressions(conditions, f"webhooks[{index}].matchConditions")


def _workload(spec: Json) -> Iterator[Cause]:
    replicas = spec.get("replicas", 1)
    if isinstance(replicas, int) and replicas < 0:
        yield invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
    selector = spec.get("selector")
    if not selector:
        yield required("spec.selector")
        return
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not label_selector_holds(selector, labels):
        shown = quoted(labels).replace('": ', '":').replace(", ", ",")
        why = "`selector` does not match template `labels`"
        yield Cause(CauseType.INVALID, "spec.template.metadata.labels", f"Invalid value: {shown}: {why}")
    yield from _containers(template.get("spec") or {}, "spec.template.spec")


def _service(spec: Json) -> Iterator[Cause]:
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield required("spec.ports")
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        if len(ports) > 1 and not (port or {}).get("name"):
            yield required(f"{path}.name")
        for name in ("port", "targetPort"):
            number = (port or {}).get(name)
            if isinstance(number, int) and not 0 < number <= MAX_PORT:
                yield invalid_value(f"{path}.{name}", number, f"must be between 1 and {MAX_PORT}, inclusive")


def update_causes(kind: str, before: Json, after: Json) -> list[Cause]:
    """Causes against a change: fields that may not move."""
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet") and old.get("selector") != new.get(
        "selector"
    ):
        shown = quoted(new.get("selector")).replace('": ', '":').replace(", ", ",")
        return [Cause(CauseType.INVALID, "spec.selector", f"Invalid value: {shown}: field is immutable")]
    if kind == "Service" and old.get("clusterIP") and old.get("clusterIP") != new.get("clusterIP"):
        value = [new.get("clusterIP")]
        return [invalid_value("spec.clusterIPs[0]", value, "may not change once set")]
    if kind == "Pod" and _fixed(old) != _fixed(new):
        return [Cause(CauseType.FORBIDDEN, "spec", f"Forbidden: {POD_RULE}")]
    if kind == "ConfigMap" and before.get("immutable") and before.get("data") != after.get("data"):
        return [Cause(CauseType.FORBIDDEN, "data", "Forbidden: field is immutable when `immutable` is set")]
    return []


def _fixed(spec: Json) -> Any:
    movable = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")
    kept = {name: value for name, value in spec.items() if name not in movable}
    for name in ("containers", "initContainers"):
        if name in kept:
            kept[name] = [{k: v for k, v in item.items() if k != "image"} for item in kept[name]]
    return kept


def template_warnings(kind: str, obj: Json) -> list[str]:
    """Warnings a server gives on pods: environment variables that hide earlier ones."""
    spec, path = obj.get("spec") or {}, "spec"
    if kind != "Pod":
        spec, path = ((spec.get("template") or {}).get("spec") or {}), "spec.template.spec"
    found = []
    for at, container in enumerate(spec.get("containers") or ()):
        seen: set[str] = set()
        for index, variable in enumerate((container or {}).get("env") or ()):
            name = (variable or {}).get("name", "")
            if name in seen:
                where = f"{path}.containers[{at}].env[{index}]"
                found.append(
                    f'{where}: hides previous definition of "{name}", which may be dropped when using apply'
                )
            seen.add(name)
    return found
