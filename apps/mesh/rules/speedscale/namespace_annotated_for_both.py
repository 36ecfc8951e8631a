"""A namespace is annotated for both ways of capture.

Speedscale reads its annotations on workloads. On a Namespace object neither
`sidecar.speedscale.com/inject` nor `capture.speedscale.com/enabled` has any effect: there is no
namespace-wide switch for the sidecar, and the one for eBPF is a list in the collector's configuration.
Somebody who put both there expects every workload to be captured, in two ways that exclude each other;
in truth nothing is captured because of it. Decide for one, and annotate the workloads.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.speedscale import EBPF, INJECT, JAVA_AGENT


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
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


RULE = Rule(
    code="SS22",
    name="namespace-annotated-for-both",
    severity=Severity.WARNING,
    title="A namespace asks for both ways of capture",
    inputs=frozenset({"Namespace"}),
    doc=__doc__ or "",
    check=check,
)
