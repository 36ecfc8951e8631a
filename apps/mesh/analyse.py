"""One look at a snapshot: findings, egress verdicts a scope, a report a workload, coverage.

Pure: the same snapshot and host set give the same analysis. Knows nothing of where snapshots and
analyses are kept. A rule that crashes becomes a finding, not an outage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import is_not

from apps.mesh.byworkload import ByWorkload, gathered
from apps.mesh.capture import captured
from apps.mesh.checking import (
    CRASH_CODE,
    CRASH_TITLE,
    FILE_CODE,
    FILE_TITLE,
    KNOWN_CODES,
    OWN_CODES,
    PROBLEM_CODE,
    PROBLEM_TITLE,
    findings,
    ignored,
)
from apps.mesh.coverage import Coverage, coverage, together
from apps.mesh.derived import Change, EachNamespace, Parts
from apps.mesh.egress import EgressEngine, EgressScope
from apps.mesh.findings import Finding
from apps.mesh.hostsets import HostSet, RequiredHost
from apps.mesh.injection import injected
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.mtls import mutual
from apps.mesh.reports import SpeedscaleInstall, WorkloadReport
from apps.mesh.rules.base import Rule
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import installs
from apps.mesh.suppression import Suppression
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import EgressAnswer

__all__ = [
    "CRASH_CODE",
    "CRASH_TITLE",
    "FILE_CODE",
    "FILE_TITLE",
    "KNOWN_CODES",
    "OWN_CODES",
    "PROBLEM_CODE",
    "PROBLEM_TITLE",
    "Analysis",
    "ScopeVerdicts",
    "SetVerdicts",
    "analyse",
]


@dataclass(frozen=True, slots=True)
class ScopeVerdicts:
    """The answers of one egress scope, in the order of the host set."""

    scope: EgressScope
    answers: tuple[EgressAnswer, ...]


@dataclass(frozen=True, slots=True)
class SetVerdicts:
    """The answers of every scope for another product's hosts."""

    hostset: HostSet
    scopes: tuple[ScopeVerdicts, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """Findings come most severe first, then by code and object; scopes and workloads by key and ref.
    `hostset` is the set as the installations of the cluster dial it, by their settings; `beside` are the
    answers for other sets that are in use. `ignored` are those of the findings that their own object's
    annotation suppresses, by fingerprint."""

    hostset: HostSet
    findings: tuple[Finding, ...]
    scopes: tuple[ScopeVerdicts, ...]
    workloads: tuple[WorkloadReport, ...]
    installs: tuple[SpeedscaleInstall, ...]
    control_planes: tuple[ControlPlane, ...]
    coverage: Coverage
    ignored: Mapping[str, Suppression] = field(default_factory=dict)
    beside: tuple[SetVerdicts, ...] = ()

    def answer(self, scope_key: str, host: str) -> EgressAnswer | None:
        """One cell of the matrix."""
        for index, entry in enumerate(self.hostset.hosts):
            if host in (entry.key, entry.host):
                return next((s.answers[index] for s in self.scopes if s.scope.key == scope_key), None)
        return None


def analyse(snapshot: Snapshot, hostset: HostSet, *, rules: Iterable[Rule] = RULES) -> Analysis:
    """Runs every rule and asks every scope for every host. Never raises for what a cluster holds. What
    was found out about the snapshot that this one was patched from is not found out again."""
    return snapshot.derived(_analysis, hostset, tuple(rules))


def _analysis(snapshot: Snapshot, hostset: HostSet, rules: tuple[Rule, ...]) -> Analysis:
    found = findings(snapshot, hostset, rules)
    dialled = snapshot.derived(hosts_in, hostset)
    return Analysis(
        hostset=dialled,
        findings=found,
        scopes=snapshot.derived(_verdicts, dialled.hosts),
        workloads=snapshot.derived(WorkloadReports).reports,
        installs=snapshot.derived(installs),
        control_planes=control_planes(snapshot),
        coverage=snapshot.derived(_coverage),
        ignored=ignored(snapshot, found),
        beside=tuple(
            SetVerdicts(needed.hostset, snapshot.derived(_verdicts, needed.hostset.hosts))
            for needed in hostset.beside
        ),
    )


class WorkloadReports:
    """A report for each workload; ask for it through `snapshot.derived`."""

    __slots__ = ("_found", "_rests", "reports")

    def __init__(
        self, snapshot: Snapshot, old: WorkloadReports | None = None, touched: Collection[str] = ()
    ) -> None:
        engine = snapshot.derived(EgressEngine)
        injections, captures = snapshot.parts(injected), snapshot.parts(captured)
        modes = snapshot.parts(mutual)
        self._rests: dict[str, tuple[object, ...]] = {}
        parts: Parts[tuple[WorkloadReport, ...]] = Parts()
        for name, known in injections.items():
            scopes, members = engine.scopes_in(name), snapshot.workloads_in(name)
            if not members:
                continue
            self._rests[name] = (members, scopes, known, captures[name], modes[name])
            last = old._rests.get(name) if old is not None else None
            if old is not None and last is not None and not any(map(is_not, self._rests[name], last)):
                parts[name] = old._found.parts[name]
                continue
            keys = {ref: scope.key for _, scope in scopes for ref in scope.workloads}
            found = zip(members, known, captures[name], modes[name], strict=True)
            parts[name] = tuple(
                WorkloadReport(item.ref, keys.get(item.ref, ""), placed, capture, mode)
                for item, placed, capture, mode in found
            )
        self._found: ByWorkload[WorkloadReport] = gathered(
            snapshot, parts, old._found if old is not None else None, touched
        )
        self.reports = tuple(self._found.values())

    @classmethod
    def after(cls, old: WorkloadReports, change: Change, snapshot: Snapshot) -> WorkloadReports:
        """As from the beginning, with the same values for the namespaces of which all is as it was."""
        return cls(snapshot, old, change.namespaces({"Workload"}))


def _verdicts(snapshot: Snapshot, hosts: tuple[RequiredHost, ...]) -> tuple[ScopeVerdicts, ...]:
    engine = snapshot.derived(EgressEngine)
    destinations = tuple(entry.destination for entry in hosts)
    return tuple(
        ScopeVerdicts(scope, answers)
        for scope, answers in zip(engine.scopes(), engine.rows(destinations), strict=True)
    )


@EachNamespace
def _covered(snapshot: Snapshot, namespace: str) -> Coverage:
    platform = {plane.namespace for plane in control_planes(snapshot)}
    reports = snapshot.part(captured, namespace)
    members = (workload.ref for workload in snapshot.workloads_in(namespace))
    known = dict(zip(members, reports, strict=True))
    return coverage(known, snapshot.derived(installs), platform)


def _coverage(snapshot: Snapshot) -> Coverage:
    return together(snapshot.parts(_covered).values())
