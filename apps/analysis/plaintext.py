"""Analyses, explanations and proposals as text for a terminal or a ticket, and as plain JSON.

What manifests say is untrusted: control characters never reach a terminal. Decides nothing.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from apps.analysis.located import Located
from apps.analysis.offline import Offline
from apps.mesh.analyse import Analysis
from apps.mesh.egress import EgressScope
from apps.mesh.findings import Severity
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.wording import counted
from apps.mesh.suppression import Suppression
from apps.mesh.verdicts import Destination, EgressAnswer, Step

WIDTH = 100
INDENT = " " * 9
SEVERITY_WORDS = {
    Severity.ERROR: ("error", "errors"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("note", "notes"),
}


def printable(text: str) -> str:
    """The text without characters that would steer a terminal; line breaks become spaces."""
    return "".join(char if char.isprintable() else " " for char in text)


def finding_json(item: Located) -> dict[str, Any]:
    """A finding in the form that `analyse --format json` promises."""
    finding, place, quiet = item.finding, item.place, item.suppression
    return {
        "fingerprint": finding.fingerprint,
        "code": finding.code,
        "severity": finding.severity.value,
        "title": finding.title,
        "message": finding.message,
        "ref": {
            "apiVersion": finding.api_version,
            "kind": finding.ref.kind,
            "namespace": finding.ref.namespace,
            "name": finding.ref.name,
        },
        "path": finding.path,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "references": list(finding.references),
        "remedy": finding.remedy,
        "hostset": finding.hostset,
        "suppressed": {
            "by": quiet.by.value,
            "reason": quiet.reason,
            "until": quiet.until.isoformat() if quiet.until else None,
        }
        if quiet
        else None,
    }


def summary_json(
    analysis: Analysis, offline: Offline, found: Iterable[Located], notes: Iterable[str]
) -> dict[str, Any]:
    """Counts of what was read and found, and the state of mesh, Speedscale and coverage. Suppressed
    findings are counted apart."""
    counts = Counter("" if item.suppression else item.finding.severity for item in found)
    verdicts = Counter(answer.verdict.value for item in analysis.scopes for answer in item.answers)
    count = analysis.coverage.count
    return {
        "manifests": len(offline.documents),
        "files": len({document.file for document in offline.documents.values()}),
        "workloads": len(analysis.workloads),
        "scopes": len(analysis.scopes),
        "findings": {severity.value: counts[severity] for severity in Severity},
        "suppressed": counts[""],
        "verdicts": dict(sorted(verdicts.items())),
        "hostset": {"name": analysis.hostset.name, "edition": analysis.hostset.edition},
        "other_hostsets": [
            {"name": one.hostset.name, "edition": one.hostset.edition} for one in analysis.beside
        ],
        "coverage": {
            "workloads": count.total,
            "wanted": count.wanted,
            "covered": count.covered,
            "partial": count.partial,
            "missing": count.missing,
            "conflict": count.conflict,
        },
        "control_planes": [
            {
                "namespace": plane.namespace,
                "revision": plane.revision,
                "version": plane.version,
                "outbound_policy": plane.config.outbound.mode if plane.config.outbound else None,
            }
            for plane in analysis.control_planes
        ],
        "speedscale": [
            {"namespace": install.namespace, "kind": install.kind, "version": install.version}
            for install in analysis.installs
        ],
        "assumptions": list(offline.assumptions),
        "notes": list(notes),
    }


def analysis_text(summary: dict[str, Any], found: Iterable[Located]) -> str:
    """Heading, findings most severe first, those that are suppressed in short, and a last line with
    their number."""
    lines = [*_heading(summary), ""]
    quiet: list[str] = []
    for item in found:
        if item.suppression is None:
            lines.extend([*_finding_lines(item), ""])
        else:
            quiet.extend(_suppressed_lines(item, item.suppression))
    if quiet:
        lines.extend(["Suppressed:", *quiet, ""])
    counts = summary["findings"]
    total = ", ".join(counted(counts[s.value], *SEVERITY_WORDS[s]) for s in Severity if counts[s.value])
    apart = f" Suppressed: {summary['suppressed']}." if summary["suppressed"] else ""
    lines.append((f"Findings: {total}." if total else "No findings.") + apart)
    return "\n".join(lines)


def explanation_text(
    ref: ResourceRef, scope: EgressScope, destination: Destination, answer: EgressAnswer
) -> str:
    """The verdict, the chain of evidence, the fix: to be pasted into a ticket."""
    asked = f"{ref} → {destination} ({destination.protocol})"
    lines = [printable(asked), f"Verdict: {_verdict(answer)}", f"Scope: {printable(scope.label)}", ""]
    for number, step in enumerate(answer.evidence, 1):
        lines.extend(_step_lines(number, step))
    if answer.fix is not None:
        lines.extend(["", *_wrapped("Fix: ", answer.fix.text)])
        if answer.fix.remedy:
            lines.append(f"     Generated by: propose ({answer.fix.remedy})")
    for unknown in answer.unknowns:
        lines.extend(["", *_wrapped("Not known: ", unknown)])
    return "\n".join(lines)


def _verdict(answer: EgressAnswer) -> str:
    if answer.stopped:
        return f"{answer.verdict}, stopped after the mesh"
    answered = answer.verdict.blocked and answer.status is not None
    return (
        f"{answer.verdict}, answered by the proxy with {answer.status}" if answered else str(answer.verdict)
    )


def _heading(summary: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{counted(summary['manifests'], 'object')} in {counted(summary['files'], 'file')}: "
        f"{counted(summary['workloads'], 'workload')} in {counted(summary['scopes'], 'egress scope')}."
    )
    for plane in summary["control_planes"]:
        version = f" {plane['version']}" if plane["version"] else ""
        policy = plane["outbound_policy"] or "unknown outbound policy"
        yield printable(f"Istio{version} in {plane['namespace']}, revision {plane['revision']}: {policy}.")
    for install in summary["speedscale"]:
        version = f" {install['version']}" if install["version"] else ""
        yield printable(f"Speedscale{version} in {install['namespace']} ({install['kind']}).")
    coverage = summary["coverage"]
    if coverage["workloads"]:
        share = f"{coverage['covered']} of {counted(coverage['workloads'], 'workload')}"
        yield f"Captured: {share}; {coverage['wanted']} ask for it."
    for note in (*summary["assumptions"], *summary["notes"]):
        yield printable(f"Note: {note}")


def _finding_lines(item: Located) -> Iterator[str]:
    finding = item.finding
    yield f"{finding.severity.value.upper():<9}{finding.code}  {finding.title}"
    place = [str(finding.ref), finding.path, str(item.place)]
    yield printable(f"{INDENT}{' · '.join(part for part in place if part)}")
    yield from _wrapped(INDENT, finding.message)
    if finding.affected:
        yield f"{INDENT}Affects {counted(len(finding.affected), 'workload')}."
    if finding.remedy:
        yield f"{INDENT}Generated by: propose ({finding.remedy})"
    if finding.references:
        yield f"{INDENT}See also: {', '.join(finding.references)}"


def _suppressed_lines(item: Located, quiet: Suppression) -> Iterator[str]:
    finding = item.finding
    until = f", until {quiet.until}" if quiet.until else ""
    place = " · ".join(part for part in (str(finding.ref), str(item.place)) if part)
    yield printable(f"  {finding.severity.value.upper():<9}{finding.code}  {place}")
    yield from _wrapped(f"  {INDENT}", f"By {quiet.by}{until}: {quiet.reason or 'no reason is given'}")


def _step_lines(number: int, step: Step) -> Iterator[str]:
    yield printable(f"{number:>2}. {step.title}")
    yield from _wrapped("    ", step.text)
    place = " · ".join(part for part in (str(step.ref or ""), step.path) if part)
    if place:
        yield printable(f"    [{place}]")


def _wrapped(start: str, text: str) -> list[str]:
    lines = textwrap.wrap(printable(text), WIDTH - len(start), break_on_hyphens=False)
    return [(" " * len(start) if index else start) + line for index, line in enumerate(lines)]
