"""A Sidecar object stands where pods have no sidecar proxy, because they are in ambient mode.

In ambient mode a proxy on the node (ztunnel) carries the traffic of pods, and it reads no Sidecar
objects: neither the imports nor the outbound traffic policy in it hold. In particular `REGISTRY_ONLY` in
such a Sidecar closes nothing; ztunnel lets unknown destinations pass. Somebody who relies on it has no
egress control at all. An egress waypoint with an AuthorizationPolicy, or a NetworkPolicy, does what was
meant; delete the Sidecar then.

Silent as soon as one of the pods it selects has a sidecar proxy, as in a namespace that is being moved.
istioctl reports the same as IST0167.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import DATAPLANE_LABEL, INPUTS
from apps.mesh.meshconfig import REGISTRY_ONLY
from apps.mesh.objects.networking import Sidecar
from apps.mesh.reports import DataPlane, InjectionReport
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.selection import labelled
from apps.mesh.webhooks import REVISION_LABEL


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for a Sidecar that only ambient pods are left for."""
    if namespace == context.mesh_config(namespace).root_namespace:
        return
    for sidecar in context.snapshot.each_in(Sidecar, namespace):
        if context.reads(sidecar) and _only_ambient(context, sidecar):
            yield _finding(sidecar)


def _only_ambient(context: RuleContext, sidecar: Sidecar) -> bool:
    taken = context.snapshot.part(labelled, sidecar.namespace).selected(sidecar.workload_selector)
    places = {workload.ref: report for workload, report in context.injected_in(sidecar.namespace)}
    reports = [places[workload.ref] for workload in taken]
    if any(report.meshed is not False for report in reports):
        return False
    if reports:
        return any(map(_ambient, reports))
    namespace = context.snapshot.namespace(sidecar.namespace)
    return namespace is not None and _pods_will_be(namespace.labels) and not sidecar.workload_selector


def _pods_will_be(labels: Mapping[str, str]) -> bool:
    """Whether pods of a namespace come to ztunnel; where they are injected as well, the sidecar wins."""
    injected = labels.get("istio-injection") == "enabled" or REVISION_LABEL in labels
    return labels.get(DATAPLANE_LABEL) == "ambient" and not injected


def _ambient(report: InjectionReport) -> bool:
    return report.actual is DataPlane.AMBIENT or report.ambient_expected


def _finding(sidecar: Sidecar) -> Finding:
    policy = sidecar.outbound_policy
    closed = policy is not None and policy.mode == REGISTRY_ONLY
    extra = " Its REGISTRY_ONLY closes nothing: ztunnel lets unknown hosts pass." if closed else ""
    return RULE.finding(
        f"The pods that this Sidecar selects are in ambient mode, where nobody reads it.{extra} Use an "
        "egress waypoint with an AuthorizationPolicy, or a NetworkPolicy, for what is meant, and delete it.",
        sidecar.ref,
        api_version=sidecar.api_version,
        path="spec",
    )


RULE = Rule(
    code="MC118",
    name="sidecar-in-ambient",
    severity=Severity.WARNING,
    title="A Sidecar does nothing in ambient mode",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("IST0167",),
    no_remedy=(
        "The Sidecar narrows nothing now; what should narrow these workloads instead is the owner's decision."
    ),
)
