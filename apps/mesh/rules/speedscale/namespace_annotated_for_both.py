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

from collections.abc import Iterator

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.config import Namespace
from apps.mesh.reports import CaptureKind
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.speedscale import EBPF, INJECT, JAVA_AGENT, ebpf_targets
from apps.mesh.webhooks import namespace_labels


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for the namespace, on the object that asks, and one for each list that takes it."""
    known = context.snapshot.namespace(namespace)
    if known is not None:
        yield from _asking_for_both(known)
    labels = namespace_labels(namespace, known.labels if known is not None else {})
    for target in context.snapshot.derived(ebpf_targets):
        twice = [
            workload
            for workload, report in context.captured_in(namespace)
            if report.expected is CaptureKind.SIDECAR
            and target.takes(namespace, labels, workload.template.labels)
        ]
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


def _asking_for_both(namespace: Namespace) -> Iterator[Finding]:
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


RULE = Rule(
    code="SS22",
    name="namespace-annotated-for-both",
    severity=Severity.WARNING,
    title="A namespace asks for both ways of capture",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    no_remedy=(
        "Which way of capture is meant only the owner knows, and annotations that somebody else wrote "
        "cannot be taken off by an apply."
    ),
)
