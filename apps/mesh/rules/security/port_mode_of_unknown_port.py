"""A PeerAuthentication sets the mode of a port that its workloads do not have.

`portLevelMtls` goes by the port of the *container*, not by that of the Service (security/v1beta1
peer_authentication.proto). A Service that listens on 80 and leads to 8080 needs the entry `8080`; with `80`
the object is accepted, and the port keeps the mode of the workload. If the entry was to make an exception
from STRICT (for a probe, a webhook, a client outside of the mesh), those calls stay refused; if it was
meant to make the port STRICT, plaintext stays allowed.

A container may listen on a port that it does not declare. A number that no Service knows either is
therefore a hint only.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.objects.workloads import Workload
from apps.mesh.operatormade import made_by_operator
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.serviceports import served


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy, at the first port that is wrong."""
    snapshot = context.snapshot
    for policy in snapshot.each(PeerAuthentication):
        root = context.mesh_config(policy.namespace).root_namespace
        if not policy.selector or not policy.port_modes or policy.namespace == root:
            continue
        workloads = context.selection.selected(policy.namespace, policy.selector)
        if not workloads or snapshot.missing("Service", policy.namespace):
            continue
        if made_by_operator(snapshot, policy):
            continue
        yield from _of(context, policy, workloads)


def _of(
    context: RuleContext, policy: PeerAuthentication, workloads: tuple[Workload, ...]
) -> Iterator[Finding]:
    ports = [item for workload in workloads for item in served(context.snapshot, workload)]
    declared = {port.number for workload in workloads for port in workload.template.ports}
    taken = {target for _, _, target in ports} | declared
    wrong = [port for port in sorted(policy.port_modes) if port not in taken]
    if not wrong or not taken:
        return
    swapped = {number: target for _, number, target in ports if number in wrong}
    advice = [f"Service port {number} leads to container port {target}" for number, target in swapped.items()]
    yield RULE.finding(
        f"No workload that it selects has container port {listed(map(str, wrong))}; "
        + (
            f"{listed(advice)}. Write the container's port."
            if advice
            else "the mode has no effect. Take it out, or correct it."
        ),
        policy.ref,
        api_version=policy.api_version,
        severity=Severity.WARNING if swapped else Severity.INFO,
        path=f"spec.portLevelMtls[{next(iter(swapped), wrong[0])}]",
        affected=tuple(workload.ref for workload in workloads),
    )


RULE = Rule(
    code="MC212",
    name="port-mode-of-unknown-port",
    severity=Severity.WARNING,
    title="A mode is set for a port that the workloads do not have",
    inputs=INPUTS | {"PeerAuthentication", "Service"},
    doc=__doc__ or "",
    check=check,
    no_remedy="Which port was meant is a guess, and a wrong one refuses callers.",
)
