"""Whether Speedscale captures a workload: what its annotations ask for, against what its template and
its pods carry, with the cause of every difference.

Knows nothing of Istio. Annotations: docs.speedscale.com, sidecar and eBPF reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.mesh.byworkload import by_workload
from apps.mesh.derived import EachNamespace
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureCause, CaptureKind, CaptureReport, CaptureState, SpeedscaleInstall, Tone
from apps.mesh.selection import any_pods
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import (
    IGNORE,
    REPLAY_ENV,
    SIDECAR_WEBHOOK,
    Wish,
    acting,
    ebpf_targets,
    installs,
    is_replay,
    sidecar_webhooks,
    value_of,
    wishes_of,
)
from apps.mesh.speedscale import INPUTS as SPEEDSCALE_INPUTS
from apps.mesh.speedscalepods import CarryingPods, has_java_agent
from apps.mesh.webhooks import namespace_labels

# https://docs.speedscale.com, sidecar installation; rollouts by the chart's webhook rules. The second is for
# namespaced installations, where a command takes the operator's place.
SUPPORTED_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "Rollout"})
BY_COMMAND_KINDS = frozenset({"Deployment", "StatefulSet"})
INPUTS = SPEEDSCALE_INPUTS | {"Namespace"}


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: CaptureState
    cause: CaptureCause
    reason: str
    matching: int = 0


@EachNamespace
def captured(snapshot: Snapshot, namespace: str) -> tuple[CaptureReport, ...]:
    """The reports of a namespace's workloads, in their order."""
    reader = CaptureReader(snapshot)
    return tuple(reader.report(workload) for workload in snapshot.workloads_in(namespace))


captures = by_workload(captured)
"""The reports of all workloads, by ref; ask for it through `snapshot.derived`."""


@EachNamespace
def _of_cause(snapshot: Snapshot, namespace: str, cause: CaptureCause) -> tuple[ResourceRef, ...]:
    reports = snapshot.part(captured, namespace)
    found = zip(snapshot.workloads_in(namespace), reports, strict=True)
    return tuple(workload.ref for workload, report in found if report.cause is cause)


def refs_of_cause(snapshot: Snapshot, cause: CaptureCause) -> tuple[ResourceRef, ...]:
    """The workloads whose capture lacks something for that cause; ask for it through `snapshot.derived`."""
    return tuple(ref for part in snapshot.parts(_of_cause, cause).values() for ref in part)


def capture(snapshot: Snapshot, workload: Workload) -> CaptureReport:
    """The report of one workload; for many, ask for `captures`."""
    return CaptureReader(snapshot).report(workload)


class CaptureReader:
    """Reports on workloads of one snapshot; installations, webhooks and targets are read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._installs = snapshot.derived(installs)
        self._parts = frozenset(item.ref for install in self._installs for item in install.components)
        self._webhooks = snapshot.derived(sidecar_webhooks)
        self._targets = snapshot.derived(ebpf_targets)
        self._any_pods = snapshot.derived(any_pods)

    def report(self, workload: Workload) -> CaptureReport:
        """Expected against actual, and the cause of a difference."""
        if workload.ref in self._parts or is_replay(workload):
            pods = CarryingPods.of(workload, asked=False)
            own = _Outcome(CaptureState.OFF, CaptureCause.NONE, "A part of Speedscale.")
            return _report(workload, pods, None, own)
        wishes = tuple(wishes_of(workload))
        wish = next(iter(wishes), None) or self._targeted(workload)
        pods = CarryingPods.of(workload, asked=wish is not None)
        if {CaptureKind.SIDECAR} < {item.kind for item in wishes}:
            return _report(workload, pods, wish, _conflict(wishes))
        if wish is None:
            return _report(workload, pods, None, _unasked(workload, pods))
        if wish.kind is CaptureKind.SIDECAR:
            return _report(workload, pods, wish, self._sidecar(workload, pods, wish))
        return _report(workload, pods, wish, self._ebpf(workload, pods, wish))

    def _targeted(self, workload: Workload) -> Wish | None:
        if not self._targets or workload.kind not in SUPPORTED_KINDS:
            return None
        found = self._snapshot.namespace(workload.namespace)
        labels = namespace_labels(workload.namespace, found.labels if found is not None else {})
        for target in self._targets:
            if target.takes(workload.namespace, labels, workload.template.labels):
                return Wish(CaptureKind.EBPF, target.ref, target.path)
        return None

    def _sidecar(self, workload: Workload, pods: CarryingPods, wish: Wish) -> _Outcome:
        total, matching = pods.total, pods.proxied
        if total and matching == total:
            reason = "Every pod carries the sidecar."
            return _Outcome(CaptureState.COMPLETE, CaptureCause.NONE, reason, matching)
        if not total and pods.templated:
            return self._without_pods(workload)
        if pods.templated or matching:
            return _not_rolled(total, matching, "the sidecar")
        cause, reason = self._why_not_injected(workload, wish)
        return _Outcome(CaptureState.MISSING, cause, reason)

    def _without_pods(self, workload: Workload) -> _Outcome:
        gap = self._snapshot.missing("Pod", workload.namespace)
        if gap is not None:
            reason = f"The pods could not be read: {gap.reason}"
            return _Outcome(CaptureState.UNKNOWN, CaptureCause.NOT_READ, reason)
        reason = "The template carries the sidecar; there are no pods."
        return _Outcome(CaptureState.COMPLETE, CaptureCause.NONE, reason)

    def _why_not_injected(self, workload: Workload, wish: Wish) -> tuple[CaptureCause, str]:
        """The first thing that keeps Speedscale's webhook from changing the workload."""
        if (hindrance := self.hindrance(workload)) is not None:
            return hindrance
        install = acting(self._installs, workload.namespace)
        if install is not None and install.kind == "namespaced":
            return CaptureCause.NOT_INJECTED, (
                f"The namespaced installation in {install.namespace} has no operator that would act on the "
                "annotation; run proxymock cluster capture inject --sidecar for the workload."
            )
        if wish.on_template:
            return CaptureCause.TEMPLATE_ONLY, (
                "The annotation is on the pod template; Speedscale reads it on the workload's own metadata."
            )
        return CaptureCause.NOT_INJECTED, (
            "Nothing stands in the way now, so the workload was last written while the operator "
            "did not answer; write it again (for example with a rollout restart)."
        )

    def hindrance(self, workload: Workload) -> tuple[CaptureCause, str] | None:
        """What would keep the operator from acting when the workload is written; None when nothing would."""
        install = acting(self._installs, workload.namespace)
        if value_of(workload, IGNORE) == "true":
            return CaptureCause.IGNORED, f"The operator leaves it alone, because of {IGNORE}=true."
        named = install is not None and install.kind == "namespaced"
        if workload.kind not in (BY_COMMAND_KINDS if named else SUPPORTED_KINDS):
            where = " without an operator" if named and workload.kind in SUPPORTED_KINDS else ""
            reason = f"Speedscale does not inject into a {workload.kind}{where}."
            return CaptureCause.KIND_UNSUPPORTED, reason
        if install is None:
            return CaptureCause.OPERATOR_MISSING, "No Speedscale operator is installed that could inject it."
        if self._stopped(install):
            reason = f"The operator in {install.namespace} has no running pod; workloads pass unchanged."
            return CaptureCause.OPERATOR_MISSING, reason
        return self._webhook_reason(workload) if install.kind == "classic" else None

    def _stopped(self, install: SpeedscaleInstall) -> bool:
        operator = install.component("operator")
        if operator is None:
            return False
        seen = self._any_pods and self._snapshot.missing("Pod", install.namespace) is None
        return operator.wanted == 0 or (seen and operator.pods == 0)

    def _webhook_reason(self, workload: Workload) -> tuple[CaptureCause, str] | None:
        gap = self._snapshot.missing("MutatingWebhookConfiguration")
        if gap is not None:
            return CaptureCause.NOT_READ, f"The webhooks could not be read: {gap.reason}"
        if not self._webhooks:
            reason = f"There is no webhook {SIDECAR_WEBHOOK}, which does the injection."
            return CaptureCause.WEBHOOK_MISSING, reason
        found = self._snapshot.namespace(workload.namespace)
        labels = namespace_labels(workload.namespace, found.labels if found is not None else {})
        for found_hook in self._webhooks:
            ref, webhook = found_hook.ref, found_hook.webhook
            if not webhook.namespace_selector.matches(labels):
                reason = f"{ref} leaves namespace {workload.namespace} out (namespaceSelector)."
            elif not webhook.object_selector.matches(workload.labels):
                reason = f"{ref} leaves the workload out (objectSelector)."
            else:
                return None
        return CaptureCause.WEBHOOK_EXCLUDES, reason

    def _ebpf(self, workload: Workload, pods: CarryingPods, wish: Wish) -> _Outcome:
        nettap = next((found for item in self._installs if (found := item.component("nettap"))), None)
        if value_of(workload, IGNORE) == "true":
            reason = f"The operator leaves it alone, because of {IGNORE}=true."
            return _Outcome(CaptureState.MISSING, CaptureCause.IGNORED, reason)
        if nettap is None or (self._any_pods and nettap.pods == 0):
            reason = "No eBPF collector (nettap) runs here; the annotation has no effect without it."
            return _Outcome(CaptureState.MISSING, CaptureCause.NO_NETTAP, reason)
        asked_agent = wish.kind is CaptureKind.EBPF_JAVA
        told = self._targeted(workload) is not None or (asked_agent and 0 < pods.with_agent == pods.total)
        if not told and (silent := self._nobody_tells(workload)) is not None:
            return silent
        if asked_agent and pods.with_agent < pods.total:
            return _not_rolled(pods.total, pods.with_agent, "the Java agent")
        reason = f"The collector {nettap.ref.path} reads its traffic; pods stay as they are."
        return _Outcome(CaptureState.COMPLETE, CaptureCause.NONE, reason, pods.total)

    def _nobody_tells(self, workload: Workload) -> _Outcome | None:
        """The collector reads what the operator lists for it: an annotation alone tells it nothing."""
        install, cause = acting(self._installs, workload.namespace), CaptureCause.OPERATOR_MISSING
        if install is None or install.kind != "classic":
            return _Outcome(CaptureState.MISSING, cause, "No operator tells the collector of the annotation.")
        if not self._stopped(install):
            return None
        reason = f"The operator in {install.namespace}, which tells the collector what to read, has no pod."
        return _Outcome(CaptureState.UNKNOWN, cause, f"{reason} Whether it has told before cannot be seen.")


def _conflict(wishes: tuple[Wish, ...]) -> _Outcome:
    paths = " and ".join(wish.path for wish in wishes)
    reason = f"{paths} contradict each other; the operator refuses the pair and captures by neither."
    return _Outcome(CaptureState.CONFLICT, CaptureCause.CONFLICTING_ANNOTATIONS, reason)


def _not_rolled(total: int, matching: int, what: str) -> _Outcome:
    state = CaptureState.PARTIAL if matching else CaptureState.MISSING
    reason = (
        f"{matching} of {total} pods carry {what}; the others are older than the change and need a restart."
    )
    return _Outcome(state, CaptureCause.NOT_ROLLED, reason, matching)


def _unasked(workload: Workload, pods: CarryingPods) -> _Outcome:
    if workload.labels.get(REPLAY_ENV) and pods.mocked:
        state = CaptureState.COMPLETE if pods.mocked == pods.total else CaptureState.PARTIAL
        return _Outcome(state, CaptureCause.NONE, "A replay answers for the services it calls.", pods.mocked)
    if pods.proxied or pods.templated:
        reason = "It carries Speedscale's sidecar, which no annotation asks for."
        return _Outcome(CaptureState.ORPHAN, CaptureCause.NOT_REQUESTED, reason, pods.proxied)
    return _Outcome(CaptureState.OFF, CaptureCause.NONE, "Nothing asks for capture.")


def _report(workload: Workload, pods: CarryingPods, wish: Wish | None, outcome: _Outcome) -> CaptureReport:
    return CaptureReport(
        expected=wish.kind if wish is not None else CaptureKind.NONE,
        actual=_actual(workload, pods, wish, outcome),
        state=outcome.state,
        cause=outcome.cause,
        reason=outcome.reason,
        ref=wish.ref if wish is not None else None,
        path=wish.path if wish is not None else "",
        in_template=pods.templated or has_java_agent(workload.template),
        mocked=pods.mocked > 0,
        pods_total=pods.total,
        pods_matching=outcome.matching,
        tone=_TONES[outcome.state],
    )


def _actual(workload: Workload, pods: CarryingPods, wish: Wish | None, outcome: _Outcome) -> CaptureKind:
    if pods.proxied or (not pods.total and pods.templated):
        return CaptureKind.SIDECAR
    if wish is not None and wish.kind is not CaptureKind.SIDECAR and outcome.state is CaptureState.COMPLETE:
        return wish.kind
    if pods.with_agent:
        return CaptureKind.EBPF_JAVA
    return CaptureKind.MOCKS if pods.mocked else CaptureKind.NONE


_TONES = {
    CaptureState.COMPLETE: Tone.OK,
    CaptureState.PARTIAL: Tone.WARN,
    CaptureState.MISSING: Tone.BAD,
    CaptureState.CONFLICT: Tone.BAD,
    CaptureState.ORPHAN: Tone.WARN,
    CaptureState.UNKNOWN: Tone.WARN,
    CaptureState.OFF: Tone.OFF,
}
