"""Workloads are captured by Speedscale's sidecar, which its documentation calls deprecated.

Since July 2026 Speedscale's Istio page says that sidecar capture is deprecated, and that new installations
with Istio use the eBPF collector. The collector reads traffic on the node, before Istio's proxy encrypts it:
pods are not changed or restarted, nothing has to be agreed with Istio's redirection or its CNI agent, and a
Sidecar object cannot cut it off from the forwarder, because it is outside of the mesh.

It needs nodes with kernel 5.15 (6.0 on arm64) and BTF, and does not run on EKS Fargate. What runs by sidecar
goes on running; this is a hint for planning, given once for an installation.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.capture import captured
from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS as INJECTION_INPUTS
from apps.mesh.injection import injected
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureKind
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import serving


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each classic installation that captures meshed workloads by sidecar."""
    by_install: dict[str, list[ResourceRef]] = {}
    for namespace, refs in context.snapshot.parts(_by_sidecar).items():
        install = serving(context.installs, namespace) if refs else None
        if install is not None and install.kind == "classic":
            by_install.setdefault(install.namespace, []).extend(refs)
    for install in context.installs:
        found, operator = by_install.get(install.namespace), install.component("operator")
        if not found or operator is None:
            continue
        step = (
            "The collector is installed: annotate workloads with capture.speedscale.com/enabled instead"
            if install.component("nettap") is not None
            else "Install it with ebpf.enabled=true, if the nodes have kernel 5.15 (arm64: 6.0) and BTF"
        )
        yield RULE.finding(
            f"{counted(len(found), 'workload')} behind Istio {'is' if len(found) == 1 else 'are'} "
            "captured by sidecar, which Speedscale "
            f"calls deprecated in favour of its eBPF collector. {step}.",
            operator.ref,
            api_version="apps/v1",
            affected=tuple(found),
        )


@EachNamespace
def _by_sidecar(snapshot: Snapshot, namespace: str) -> tuple[ResourceRef, ...]:
    """The meshed workloads of a namespace that are to be captured by sidecar."""
    places, reports = snapshot.part(injected, namespace), snapshot.part(captured, namespace)
    found = zip(snapshot.workloads_in(namespace), reports, places, strict=True)
    return tuple(
        workload.ref
        for workload, report, place in found
        if report.expected is CaptureKind.SIDECAR and place.meshed
    )


RULE = Rule(
    code="SS17",
    name="sidecar-capture-deprecated",
    severity=Severity.INFO,
    title="Capture by sidecar is deprecated with Istio",
    inputs=CAPTURE_INPUTS | INJECTION_INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="Moving to eBPF is a decision: it needs nodes that can do it, and captures otherwise.",
)
