"""Whether a workload's pods should carry Istio's proxy, whether they do, and why.

The webhooks are evaluated as the API server does it, then Istio's own rule decides
(pkg/kube/inject/inject.go, injectRequired). Knows nothing of Speedscale, of egress or of findings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from apps.mesh.byworkload import by_workload
from apps.mesh.derived import EachNamespace
from apps.mesh.objects.workloads import PodTemplate, Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import DataPlane, Drift, InjectionReport, Tone
from apps.mesh.snapshot import Snapshot
from apps.mesh.webhooks import (
    DEFAULT_REVISION,
    REVISION_LABEL,
    InjectionHook,
    InjectorConfig,
    injection_hooks,
    injector_config,
    namespace_labels,
)

WEBHOOK_KIND = "MutatingWebhookConfiguration"
PROXY_CONTAINER = "istio-proxy"
INJECT_KEY = "sidecar.istio.io/inject"
STATUS_ANNOTATION = "sidecar.istio.io/status"
DATAPLANE_LABEL = "istio.io/dataplane-mode"
REDIRECTION_ANNOTATION = "ambient.istio.io/redirection"
POLICIES = frozenset({"enabled", "disabled"})
INPUTS = frozenset({"ConfigMap", "MutatingWebhookConfiguration", "Namespace", "Workload"})
IGNORED_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


@dataclass(frozen=True, slots=True)
class _Decision:
    inject: bool | None
    revision: str
    reason: str
    ref: ResourceRef | None = None
    path: str = ""


class Injector:
    """Answers for workloads of one snapshot; webhooks and injector configuration are read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._gap = snapshot.missing(WEBHOOK_KIND)
        self._hooks = snapshot.derived(hooks_of)
        self._hooks_of_namespace: dict[str, tuple[InjectionHook, ...]] = {}

    def report(self, workload: Workload) -> InjectionReport:
        """What should be and what is, for one workload."""
        decision = self._decide(workload)
        ambient = not decision.inject and self._ambient_expected(workload)
        seen = [(group.count, *taking_part(group.pod)) for group in workload.live_groups]
        planes = {plane for _, plane, _ in seen}
        actual = _fold(planes)
        revisions = sorted({revision for _, _, revision in seen} - {""})
        total = sum([count for count, _, _ in seen])
        matching = sum([count for count, plane, rev in seen if _as_decided(plane, rev, decision, ambient)])
        drift = _drift(decision, ambient, groups_differ=matching < total, planes=planes)
        return InjectionReport(
            expected=decision.inject,
            ambient_expected=ambient,
            actual=actual,
            revision_expected=decision.revision if decision.inject else "",
            revision_actual=", ".join(revisions),
            reason=decision.reason,
            ref=decision.ref,
            path=decision.path,
            pods_total=total,
            pods_matching=matching if decision.inject is not None else 0,
            drift=drift,
            tone=_tone(drift, decision.inject, total),
        )

    def _decide(self, workload: Workload) -> _Decision:
        namespace = self._snapshot.namespace(workload.namespace)
        if self._gap is not None:
            return _Decision(None, "", f"The injection webhooks could not be read: {self._gap.reason}")
        if not self._hooks:
            return _Decision(False, "", "No webhook of Istio injects proxies on this cluster.")
        if namespace is None:
            return _Decision(
                None,
                "",
                f"Namespace {workload.namespace} could not be read, so its labels are not known.",
                ResourceRef("Namespace", "", workload.namespace),
                "metadata.labels",
            )
        labels = workload.template.labels
        for hook in self._candidates(workload.namespace, namespace.labels):
            if hook.webhook.object_selector.matches(labels):
                return self._inject_required(workload, hook)
        return _no_hook(workload, namespace.labels)

    def _candidates(self, name: str, labels: Mapping[str, str]) -> tuple[InjectionHook, ...]:
        """The webhooks whose namespaceSelector takes this namespace."""
        if name not in self._hooks_of_namespace:
            full = namespace_labels(name, labels)
            self._hooks_of_namespace[name] = tuple(
                hook for hook in self._hooks if hook.webhook.namespace_selector.matches(full)
            )
        return self._hooks_of_namespace[name]

    def _inject_required(self, workload: Workload, hook: InjectionHook) -> _Decision:
        """Istio's own rule, after a webhook has been called."""
        template, here, of = workload.template, workload.ref, hook.revision
        if template.host_network:
            return _Decision(
                False, of, "The pods use the host's network.", here, "spec.template.spec.hostNetwork"
            )
        if self._config(of).policy not in POLICIES:
            return _Decision(False, of, "The injector's policy is off.", self._config(of).ref, "data.config")
        if workload.namespace in IGNORED_NAMESPACES:
            return _Decision(False, of, f"Istio never injects into namespace {workload.namespace}.")
        for place, values in (("labels", template.labels), ("annotations", template.annotations)):
            value = values.get(INJECT_KEY)
            if value in {"true", "false"} and (place == "labels" or INJECT_KEY not in template.labels):
                path = f"spec.template.metadata.{place}[{INJECT_KEY}]"
                word = "ask for the proxy" if value == "true" else "refuse the proxy"
                return _Decision(
                    value == "true", of, f"The pod {place} {word} ({INJECT_KEY}={value}).", here, path
                )
        return self._by_default(workload, hook)

    def _by_default(self, workload: Workload, hook: InjectionHook) -> _Decision:
        config, labels, of = self._config(hook.revision), workload.template.labels, hook.revision
        for name, selectors, inject in (
            ("neverInjectSelector", config.never, False),
            ("alwaysInjectSelector", config.always, True),
        ):
            if any(not selector.empty and selector.matches(labels) for selector in selectors):
                return _Decision(
                    inject, of, f"The injector's {name} matches the pod.", config.ref, "data.config"
                )
        if config.policy != "enabled":
            reason = f"The injector's policy is «{config.policy}» and the pod does not ask for the proxy."
            return _Decision(False, of, reason, config.ref, "data.config")
        reason = f"Webhook {hook.webhook.name} selects namespace {workload.namespace} and the pod."
        return _Decision(True, of, reason, hook.ref, hook.path)

    def _config(self, revision: str) -> InjectorConfig:
        return self._snapshot.derived(injector_config, revision)

    def _ambient_expected(self, workload: Workload) -> bool:
        template = workload.template
        if template.host_network:
            return False
        own = template.labels.get(DATAPLANE_LABEL)
        if own is not None:
            return own == "ambient"
        namespace = self._snapshot.namespace(workload.namespace)
        return namespace is not None and namespace.labels.get(DATAPLANE_LABEL) == "ambient"


def injection(snapshot: Snapshot, workload: Workload) -> InjectionReport:
    """The report for one workload; for many, make one `Injector`."""
    return Injector(snapshot).report(workload)


def data_plane(pod: PodTemplate) -> DataPlane:
    """How a pod (or a template with the proxy written into it) takes part in the mesh."""
    for containers, plane in ((pod.containers, DataPlane.SIDECAR), (pod.init_containers, DataPlane.NATIVE)):
        for container in containers:
            if container.name == PROXY_CONTAINER:
                return plane
    if pod.annotations.get(REDIRECTION_ANNOTATION) == "enabled":
        return DataPlane.AMBIENT
    return DataPlane.NONE


def revision_of(pod: PodTemplate) -> str:
    """The revision that injected a pod; "" for a pod without the proxy."""
    return taking_part(pod)[1]


def taking_part(pod: PodTemplate) -> tuple[DataPlane, str]:
    """How a pod takes part in the mesh, and the revision that injected it; "" for one without the proxy."""
    plane = data_plane(pod)
    if plane not in {DataPlane.SIDECAR, DataPlane.NATIVE}:
        return plane, ""
    annotated = pod.annotations.get(REVISION_LABEL) or pod.labels.get(REVISION_LABEL)
    status = _status_revision(pod.annotations.get(STATUS_ANNOTATION, ""))
    return plane, status or annotated or DEFAULT_REVISION


@lru_cache(maxsize=256)
def _status_revision(text: str) -> str:
    try:
        status = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return ""
    revision = status.get("revision") if isinstance(status, dict) else None
    return revision if isinstance(revision, str) else ""


def _fold(planes: set[DataPlane]) -> DataPlane:
    if not planes:
        return DataPlane.NONE
    return next(iter(planes)) if len(planes) == 1 else DataPlane.MIXED


def _as_decided(plane: DataPlane, revision: str, decision: _Decision, ambient: bool) -> bool:
    if decision.inject:
        return plane in {DataPlane.SIDECAR, DataPlane.NATIVE} and revision == decision.revision
    return plane is (DataPlane.AMBIENT if ambient else DataPlane.NONE)


def _drift(decision: _Decision, ambient: bool, *, groups_differ: bool, planes: set[DataPlane]) -> Drift:
    if decision.inject is None:
        return Drift.UNKNOWN
    if not groups_differ:
        return Drift.NONE
    if decision.inject:
        return Drift.MISSING if planes - {DataPlane.SIDECAR, DataPlane.NATIVE} else Drift.REVISION
    return Drift.MISSING if ambient and DataPlane.NONE in planes else Drift.UNEXPECTED


def _tone(drift: Drift, expected: bool | None, pods: int) -> Tone:
    if drift is Drift.MISSING:
        return Tone.BAD
    if drift in {Drift.UNEXPECTED, Drift.REVISION}:
        return Tone.WARN
    return Tone.OK if expected and pods else Tone.OFF


def _no_hook(workload: Workload, labels: Mapping[str, str]) -> _Decision:
    """No webhook takes the pod; says which label stands in the way."""
    where = ResourceRef("Namespace", "", workload.namespace)
    if (value := labels.get("istio-injection")) and value != "enabled":
        reason = f"Namespace {workload.namespace} refuses injection (istio-injection={value})."
        return _Decision(False, "", reason, where, "metadata.labels[istio-injection]")
    if workload.template.labels.get(INJECT_KEY) == "false":
        path = f"spec.template.metadata.labels[{INJECT_KEY}]"
        return _Decision(
            False, "", f"The pod labels refuse the proxy ({INJECT_KEY}=false).", workload.ref, path
        )
    if wanted := workload.template.labels.get(REVISION_LABEL) or labels.get(REVISION_LABEL):
        reason = f"No webhook serves revision or tag «{wanted}», which {workload.namespace} asks for."
        return _Decision(False, "", reason, where, f"metadata.labels[{REVISION_LABEL}]")
    reason = f"Namespace {workload.namespace} asks for no injection, and no webhook selects the pod."
    return _Decision(False, "", reason, where, "metadata.labels")


def hooks_of(snapshot: Snapshot) -> tuple[InjectionHook, ...]:
    """Istio's injection webhooks; ask for it through `snapshot.derived`."""
    return tuple(injection_hooks(snapshot))


@EachNamespace
def injected(snapshot: Snapshot, namespace: str) -> tuple[InjectionReport, ...]:
    """The reports of a namespace's workloads, in their order."""
    injector = Injector(snapshot)
    return tuple(injector.report(workload) for workload in snapshot.workloads_in(namespace))


injections = by_workload(injected)
"""The reports of all workloads, by ref; ask for it through `snapshot.derived`."""


@EachNamespace
def _ambient(snapshot: Snapshot, namespace: str) -> bool:
    """Whether anything in a namespace is in ambient mode, or asks for it."""
    known = snapshot.namespace(namespace)
    if known is not None and known.labels.get(DATAPLANE_LABEL) == "ambient":
        return True
    reports = snapshot.part(injected, namespace)
    return any(report.ambient_expected or report.actual is DataPlane.AMBIENT for report in reports)


def any_ambient(snapshot: Snapshot) -> bool:
    """Whether anything in the cluster is in ambient mode, or asks for it; ask for it through
    `snapshot.derived`."""
    return any(snapshot.parts(_ambient).values())
