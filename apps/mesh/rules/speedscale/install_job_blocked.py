"""Speedscale's installation failed, because its first step could not reach the cloud.

Before anything else exists, the chart runs the Job `speedscale-operator-pre-install`, which registers the
cluster with Speedscale's cloud. If the namespace is in the mesh and the outbound policy is `REGISTRY_ONLY`,
the pod of that Job dials a host that the mesh does not know, is refused, and Helm gives up with
`BackoffLimitExceeded`. At that time no operator is there that could say why.

Create the ServiceEntry before the installation, not after it, and install again. The Job's pods end Istio's
proxy by themselves (`quitquitquit`), so the proxy is not what keeps them from ending.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import Tier
from apps.mesh.needs import INPUTS
from apps.mesh.objects.workloads import Workload
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.snapshot import Snapshot

PREFIX = "speedscale-"
SUFFIX = "-pre-install"
FAILED = "Failed"
SUCCEEDED = "Succeeded"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Job that failed and is cut off."""
    hosts = [host for host in context.dialled.hosts if host.tier is Tier.REQUIRED]
    failed = (workload for found in context.snapshot.parts(_failed_jobs).values() for workload in found)
    for workload in failed if hosts else ():
        answer = context.engine.answer(workload, hosts[0].destination)
        if answer.verdict.blocked:
            yield RULE.finding(
                f"The Job failed, and the mesh keeps its pods from {hosts[0].host}. Create the ServiceEntry "
                "for Speedscale's hosts first, then install again.",
                workload.ref,
                api_version=workload.api_version,
                evidence=answer.evidence,
            )


@EachNamespace
def _failed_jobs(snapshot: Snapshot, namespace: str) -> tuple[Workload, ...]:
    found = snapshot.workloads_in(namespace)
    return tuple(workload for workload in found if workload.kind == "Job" and _failed(workload))


def _failed(workload: Workload) -> bool:
    """Its pods failed and none ended well; a Job that is gone or was never tried is silent."""
    if not (workload.name.startswith(PREFIX) and workload.name.endswith(SUFFIX)):
        return False
    phases = {group.phase for group in workload.pod_groups}
    return FAILED in phases and SUCCEEDED not in phases


RULE = Rule(
    code="SS19",
    name="install-job-blocked",
    severity=Severity.ERROR,
    title="The installation's first step is cut off from the cloud",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Nothing of Speedscale is there yet to open the hosts for; the ServiceEntry of its page, written "
        "by hand, comes before the installation."
    ),
    about_hosts=True,
)
