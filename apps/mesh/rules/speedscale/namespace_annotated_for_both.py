"""A namespace asks for both ways of capture, the sidecar and eBPF.

Two things look like a switch for a whole namespace. The eBPF collector has a real one, the list of
targets in its configuration: a namespace that it takes, and whose workloads ask for the sidecar
besides, is recorded twice. And people put Speedscale's annotations on the Namespace object, where
neither has any effect: `sidecar.speedscale.com/inject` and `capture.speedscale.com/enabled` are read on
workloads. Somebody who put both there expects every workload to be captured, in two ways that exclude
each other; in truth nothing is captured because of it.

Decide for one way, and ask for it in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.workloads import Workload
from apps.mesh.reports import CaptureKind
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.speedscale import EBPF, INJECT, JAVA_AGENT, ebpf_targets
from apps.mesh.webhooks import namespace_labels


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace, on the object that asks."""
    for namespace in context.snapshot.namespaces.values():
        marks = {**namespace.labels, **namespace.annotations}
        asked = [key for key in (INJECT, EBPF, JAVA_AGENT) if marks.get(key, "").lower() == "true"]
        if INJECT in asked and len(asked) > 1:
            place = "annotations" if asked[-1] in namespace.annotations else "labels"
            yield RULE.finding(
                f"{asked[0]} and {asked[1]} exclude each other, and on a namespace neither has an effect. "
                "Remove both here, and annotate the workloads with one of them.",
                namespace.ref,
                api_version=namespace.api_version,
                path=f"metadata.{place}[{asked[-1]}]",
            )
    yield from _listed_and_injected(context)


def _listed_and_injected(context: RuleContext) -> Iterator[Finding]:
    """Namespaces that the collector's list takes and whose workloads ask for the sidecar."""
    injected: dict[str, list[Workload]] = {}
    for workload, report in context.captured():
        if report.expected is CaptureKind.SIDECAR:
            injected.setdefault(workload.namespace, []).append(workload)
    for target in ebpf_targets(context.snapshot):
        for namespace, workloads in injected.items():
            labels = namespace_labels(namespace, _labels(context, namespace))
            twice = [w for w in workloads if target.takes(namespace, labels, w.template.labels)]
            if twice:
                yield RULE.finding(
                    f"The eBPF collector's list takes namespace {namespace}, where "
                    f"{counted(len(twice), 'workload')} ({listed(w.name for w in twice)}) also "
                    f"{'asks' if len(twice) == 1 else 'ask'} for the "
                    "sidecar; their calls would be recorded twice. Narrow the list or remove the annotation.",
                    target.ref,
                    api_version="v1",
                    path=target.path,
                    key=namespace,
                    affected=tuple(workload.ref for workload in twice),
                )


def _labels(context: RuleContext, namespace: str) -> Mapping[str, str]:
    found = context.snapshot.namespaces.get(namespace)
    return found.labels if found is not None else {}


RULE = Rule(
    code="SS22",
    name="namespace-annotated-for-both",
    severity=Severity.WARNING,
    title="A namespace asks for both ways of capture",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Which way of capture is meant only the owner knows, and annotations that somebody else wrote "
        "cannot be taken off by an apply."
    ),
)
