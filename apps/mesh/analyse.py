"""One look at a snapshot: findings, egress verdicts a scope, a report a workload, coverage.

Pure: the same snapshot and host set give the same analysis. Knows nothing of where snapshots and
analyses are kept. A rule that crashes becomes a finding, not an outage.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from apps.mesh.coverage import Coverage, coverage
from apps.mesh.egress import EgressEngine, EgressScope
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import HostSet
from apps.mesh.meshconfig import ControlPlane, control_planes
from apps.mesh.parsing.fields import Problem
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import SpeedscaleInstall, WorkloadReport
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot
from apps.mesh.suppression import UNKNOWN_CODE, Suppression, suppressed, unknown_codes
from apps.mesh.verdicts import EgressAnswer

CRASH_CODE = "MC001"
CRASH_TITLE = "A check could not finish"
PROBLEM_CODE = "MC002"
PROBLEM_TITLE = "A field is not what its kind asks for"
FILE_CODE = "MC003"
FILE_TITLE = "A file could not be read"
OWN_CODES = (CRASH_CODE, PROBLEM_CODE, FILE_CODE, UNKNOWN_CODE)
KNOWN_CODES = frozenset({*OWN_CODES, *(rule.code for rule in RULES)})
"""Every code that a finding can have."""
CRASH_FRAMES = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ScopeVerdicts:
    """The answers of one egress scope, in the order of the host set."""

    scope: EgressScope
    answers: tuple[EgressAnswer, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """Findings come most severe first, then by code and object; scopes and workloads by key and ref.
    `ignored` are those of the findings that their own object's annotation suppresses, by fingerprint."""

    hostset: HostSet
    findings: tuple[Finding, ...]
    scopes: tuple[ScopeVerdicts, ...]
    workloads: tuple[WorkloadReport, ...]
    installs: tuple[SpeedscaleInstall, ...]
    control_planes: tuple[ControlPlane, ...]
    coverage: Coverage
    ignored: Mapping[str, Suppression] = field(default_factory=dict)

    def answer(self, scope_key: str, host: str) -> EgressAnswer | None:
        """One cell of the matrix."""
        for index, entry in enumerate(self.hostset.hosts):
            if entry.host == host:
                return next((s.answers[index] for s in self.scopes if s.scope.key == scope_key), None)
        return None


def analyse(
    snapshot: Snapshot,
    hostset: HostSet,
    *,
    engine: EgressEngine | None = None,
    rules: Iterable[Rule] = RULES,
) -> Analysis:
    """Runs every rule and asks every scope for every host. Never raises for what a cluster holds."""
    engine = engine or snapshot.derived(EgressEngine)
    context = RuleContext(snapshot, hostset, engine)
    scopes = engine.scopes()
    scope_of = {ref: scope.key for scope in scopes for ref in scope.workloads}
    reports = tuple(
        WorkloadReport(
            workload.ref, scope_of.get(workload.ref, ""), injection, capture, context.mtls[workload.ref]
        )
        for (workload, injection), (_, capture) in zip(context.injected(), context.captured(), strict=True)
    )
    planes = control_planes(snapshot)
    found = findings(context, rules)
    return Analysis(
        hostset=hostset,
        findings=found,
        scopes=tuple(_verdicts(engine, scope, hostset) for scope in scopes),
        workloads=reports,
        installs=context.installs,
        control_planes=planes,
        coverage=coverage(reports, context.installs, {plane.namespace for plane in planes}),
        ignored=suppressed(found, snapshot.manifest, today=date.min),
    )


def findings(context: RuleContext, rules: Iterable[Rule] = RULES) -> tuple[Finding, ...]:
    """What the rules find, and what could not be parsed, most severe first."""
    found = [finding for rule in rules for finding in _run(rule, context)]
    found.extend(_problem(problem, context.snapshot) for problem in context.snapshot.problems)
    found.extend(_unknown_codes(context.snapshot))
    unique = {finding.fingerprint: finding for finding in found}
    return tuple(sorted(unique.values(), key=_order))


def _verdicts(engine: EgressEngine, scope: EgressScope, hostset: HostSet) -> ScopeVerdicts:
    answers = (engine.answer(scope.representative, entry.destination) for entry in hostset.hosts)
    return ScopeVerdicts(scope, tuple(answers))


def _run(rule: Rule, context: RuleContext) -> list[Finding]:
    try:
        return list(rule.check(context))
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)[-CRASH_FRAMES:]
        where = ", ".join(f"{frame.name} line {frame.lineno}" for frame in frames)
        return [
            Finding(
                code=CRASH_CODE,
                severity=Severity.WARNING,
                title=CRASH_TITLE,
                message=(
                    f"Check {rule.code} ({rule.title}) failed with {type(error).__name__} in {where}; "
                    "what it looks for was not checked. Please report this."
                ),
                ref=ResourceRef("Rule", "", rule.code),
                key=rule.code,
            )
        ]


def _problem(problem: Problem, snapshot: Snapshot) -> Finding:
    manifest = snapshot.manifest(problem.ref)
    return Finding(
        code=PROBLEM_CODE,
        severity=Severity.WARNING,
        title=PROBLEM_TITLE,
        message=f"{problem.message} The field was read as if it were absent.",
        ref=problem.ref,
        api_version=str(manifest.get("apiVersion") or "") if manifest is not None else "",
        path=problem.path,
        key=problem.path,
        references=("IST0106",),
    )


def _unknown_codes(snapshot: Snapshot) -> Iterator[Finding]:
    for ref in snapshot.refs:
        found = unknown_codes(snapshot.manifest(ref) or {}, ref, KNOWN_CODES)
        if found is not None:
            yield found


def _order(finding: Finding) -> tuple[int, str, ResourceRef, str]:
    return (finding.severity.rank, finding.code, finding.ref, finding.key)
