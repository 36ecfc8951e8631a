"""Speedscale's operator is not there, is gone, or does not run.

Everything that Speedscale does on a cluster starts with its operator: it injects sidecars, tells the
eBPF collector what to read, and runs replays. Install it before anything else is configured for Istio.

An operator that was removed by hand leaves its webhooks behind. The one for sidecars ignores failures,
so annotated workloads silently stay uncaptured; the one for replays does not, so every TrafficReplay is
refused. An operator scaled to zero looks the same from outside.

A namespaced installation has no operator and needs none; it is not reported. It serves its own namespace
alone: workloads elsewhere that ask for capture are. A directory of manifests need not hold what is on the
cluster already: there it is a hint.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS, refs_of_cause
from apps.mesh.findings import Finding, Severity
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureCause, SpeedscaleInstall
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.speedscale import DEFAULT_NAMESPACE, OPERATOR_NAME


def check(context: RuleContext) -> Iterator[Finding]:
    """At most one finding for each trace of an installation, one for a cluster without any."""
    if context.snapshot.missing("Deployment") is not None:
        return
    waiting = context.snapshot.derived(refs_of_cause, CaptureCause.OPERATOR_MISSING)
    remnants = [install for install in context.installs if install.kind == "remnant"]
    for install in remnants:
        yield _remnant(install, waiting)
    operators = [item for install in context.installs if (item := install.component("operator"))]
    if operators and waiting:
        yield RULE.finding(
            f"The operator has no running pod, so {_cannot(waiting)}. Scale it up and see why it stopped.",
            operators[0].ref,
            api_version="apps/v1",
            path="spec.replicas",
            affected=waiting,
        )
    if not context.installs and context.snapshot.workloads:
        wanting = tuple(workload.ref for workload, found in context.captured() if found.wanted)
        yield _absent(wanting, whole=context.whole)
    elif waiting and not operators and not remnants:
        yield _elsewhere(context.installs, waiting, whole=context.whole)


def _remnant(install: SpeedscaleInstall, waiting: tuple[ResourceRef, ...]) -> Finding:
    hooks = listed(sorted({webhook.name for webhook in install.webhooks}))
    what = f"Webhooks ({hooks}) call" if install.webhooks else "Parts of Speedscale remain of"
    ref = install.webhooks[0].ref if install.webhooks else install.components[0].ref
    blocking = any(webhook.failure_policy == "Fail" for webhook in install.webhooks)
    replays = " Replays are refused meanwhile (failurePolicy Fail)." if blocking else ""
    consequence = f" Therefore {_cannot(waiting)}." if waiting else ""
    return RULE.finding(
        f"{what} an operator in {install.namespace} that is not there.{consequence}{replays} "
        "Install the operator again, or remove what is left of it.",
        ref,
        api_version="admissionregistration.k8s.io/v1" if install.webhooks else "apps/v1",
        path=install.webhooks[0].path if install.webhooks else "",
        key=install.namespace,
        affected=waiting,
    )


def _absent(wanting: tuple[ResourceRef, ...], *, whole: bool) -> Finding:
    if whole:
        wish = f" {_cannot(wanting)[0].upper()}{_cannot(wanting)[1:]}." if wanting else ""
        message = f"Speedscale is not installed on this cluster.{wish} Please install the operator first."
    else:
        wish = f" Without it {_cannot(wanting)}." if wanting else ""
        message = (
            f"Speedscale is not among these manifests.{wish} If it is not on the cluster either, please "
            "install the operator first."
        )
    return RULE.finding(
        message,
        ResourceRef("Deployment", DEFAULT_NAMESPACE, OPERATOR_NAME),
        api_version="apps/v1",
        severity=Severity.ERROR if wanting and whole else Severity.INFO,
        affected=wanting,
    )


def _elsewhere(
    installs: tuple[SpeedscaleInstall, ...], waiting: tuple[ResourceRef, ...], *, whole: bool
) -> Finding:
    served = listed(install.namespace for install in installs)
    return RULE.finding(
        f"Without an operator Speedscale serves only where it is installed, in {served}. Therefore "
        f"{_cannot(waiting)}. Install the operator, or Speedscale in their namespaces too.",
        ResourceRef("Deployment", DEFAULT_NAMESPACE, OPERATOR_NAME),
        api_version="apps/v1",
        severity=Severity.ERROR if whole else Severity.INFO,
        affected=waiting,
    )


def _cannot(refs: tuple[ResourceRef, ...]) -> str:
    names = listed(ref.path for ref in refs)
    wanting = counted(len(refs), "workload that asks", "workloads that ask")
    return f"{wanting} for capture ({names}) cannot get it"


RULE = Rule(
    code="SS21",
    name="operator-missing",
    severity=Severity.ERROR,
    title="Speedscale's operator is missing",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="The operator comes with Speedscale's chart, which the console does not install.",
)
