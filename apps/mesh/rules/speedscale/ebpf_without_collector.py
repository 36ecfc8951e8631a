"""Workloads ask for eBPF capture and no collector runs that could do it.

`capture.speedscale.com/enabled: "true"` changes nothing on a pod: it tells the node's collector, the
DaemonSet `speedscale-nettap`, to read the pod's traffic. That DaemonSet is part of the installation only
with `ebpf.enabled: true`. Without it the annotation is accepted, and nothing is ever recorded.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS, refs_of_cause
from apps.mesh.findings import Finding, Severity
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureCause
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.speedscale import DEFAULT_NAMESPACE, NETTAP_NAME


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for the cluster: the collector is what is missing. Without any operator SS21 speaks."""
    wanting = context.snapshot.derived(refs_of_cause, CaptureCause.NO_NETTAP)
    running = [install for install in context.installs if install.kind != "remnant"]
    if not wanting or not running or context.snapshot.missing("DaemonSet"):
        return
    nettap = running[0].component("nettap")
    ref = (
        nettap.ref
        if nettap
        else ResourceRef("DaemonSet", running[0].namespace or DEFAULT_NAMESPACE, NETTAP_NAME)
    )
    yield RULE.finding(
        f"eBPF capture is wanted for {counted(len(wanting), 'workload')} "
        f"({listed(ref.path for ref in wanting)}), but no collector (nettap) runs. "
        "Install Speedscale with ebpf.enabled=true, or capture by sidecar.",
        ref,
        api_version="apps/v1",
        affected=wanting,
    )


RULE = Rule(
    code="SS11",
    name="ebpf-without-collector",
    severity=Severity.WARNING,
    title="eBPF capture without a collector",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="The collector comes with Speedscale's chart, which the console does not install.",
)
