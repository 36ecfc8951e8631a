"""Speedscale is older than its support for the way in which this mesh runs its proxies.

Release notes of Speedscale name three versions from which on it gets along with what Istio has changed:
2.3.212 has the safeguards for Istio's CNI agent, 2.5.304 handles inbound traffic in ambient mode, and 2.5.814
waits rightly for the responder where Istio's proxy is a native sidecar (an init container that goes on
running, which newer Kubernetes versions get by default). An older installation often works, and fails in
ways that look like a mistake in the mesh.

The version is read from the images of the installation. Only what captured workloads really use is
compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.capture import captured
from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INPUTS as INJECTION_INPUTS
from apps.mesh.injection import data_plane
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureKind, DataPlane, SpeedscaleInstall
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import serving
from apps.mesh.versions import version_of

CNI_INIT = "istio-validation"
GATES = {
    "Istio's CNI agent": "2.3.212",
    "ambient mode": "2.5.304",
    "native sidecars": "2.5.814",
}

Users = dict[str, list[ResourceRef]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each installation."""
    used: dict[str, Users] = {}
    for namespace, found in context.snapshot.parts(_used).items():
        install = serving(context.installs, namespace) if found else None
        if install is not None:
            for way, ref in found:
                used.setdefault(install.namespace, {}).setdefault(way, []).append(ref)
    for install in context.installs:
        own = version_of(install.version)
        users = used.get(install.namespace, {})
        late = [way for way, gate in GATES.items() if way in users and own and own < (version_of(gate) or ())]
        if late and install.components:
            yield _finding(install, late, users)


@EachNamespace
def _used(snapshot: Snapshot, namespace: str) -> tuple[tuple[str, ResourceRef], ...]:
    """In which ways captured workloads of a namespace are in the mesh."""
    reports = snapshot.part(captured, namespace)
    return tuple(
        (way, workload.ref)
        for workload, report in zip(snapshot.workloads_in(namespace), reports, strict=True)
        if {report.expected, report.actual} != {CaptureKind.NONE}
        for way in _ways(workload)
    )


def _ways(workload: Workload) -> Iterator[str]:
    """In which ways the live pods are in the mesh, as far as a version of Speedscale depends on it."""
    pods = [group.pod for group in workload.live_groups]
    planes = {data_plane(pod) for pod in pods}
    if any(container.name == CNI_INIT for pod in pods for container in pod.init_containers):
        yield "Istio's CNI agent"
    if DataPlane.AMBIENT in planes:
        yield "ambient mode"
    if DataPlane.NATIVE in planes:
        yield "native sidecars"


def _finding(install: SpeedscaleInstall, late: list[str], users: Users) -> Finding:
    affected = dict.fromkeys(ref for way in late for ref in users[way])
    needed = listed(f"{way} ({GATES[way]})" for way in late)
    target = install.component("operator") or install.components[0]
    return RULE.finding(
        f"Speedscale {install.version} is older than its support for {needed}, which "
        f"{counted(len(affected), 'captured workload')} ({listed(ref.path for ref in affected)}) "
        f"{'uses' if len(affected) == 1 else 'use'}. Upgrade it.",
        target.ref,
        api_version="apps/v1",
        path="spec.template.spec.containers",
        affected=tuple(affected),
    )


RULE = Rule(
    code="SS15",
    name="operator-too-old",
    severity=Severity.INFO,
    title="Speedscale is older than what this mesh uses",
    inputs=CAPTURE_INPUTS | INJECTION_INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="Speedscale is upgraded by its chart.",
)
