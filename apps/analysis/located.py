"""What was found in files, each finding with its place and with what suppresses it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from apps.analysis.offline import Offline, Place, file_findings
from apps.mesh.analyse import Analysis
from apps.mesh.findings import Finding, Severity
from apps.mesh.suppression import Suppression, suppressed


@dataclass(frozen=True, slots=True)
class Located:
    """A finding; `place` is where its field stands, nowhere for an object that is in no file; `near` is
    where to show it: there, else at the first object that it affects."""

    finding: Finding
    place: Place
    near: Place
    suppression: Suppression | None = None


def located(analysis: Analysis, offline: Offline, *, today: date) -> tuple[Located, ...]:
    """Everything that was found, what could not be read first among its like. Most severe first."""
    of_files = file_findings(offline.problems)
    findings = [*(finding for finding, _ in of_files), *analysis.findings]
    quiet = {**suppressed(findings, _no_manifest, offline.ignored.entries, today=today), **analysis.ignored}
    places = [Place(problem.file, problem.line or None) for _, problem in of_files]
    places += [offline.locate(finding.ref, finding.path) for finding in analysis.findings]
    found = [
        Located(finding, place, _near(place, finding, offline), quiet.get(finding.fingerprint))
        for finding, place in zip(findings, places, strict=True)
    ]
    return tuple(sorted(found, key=lambda item: item.finding.severity.rank))


def fails(found: Iterable[Located], at_least: Severity) -> bool:
    """Whether a finding that nobody suppressed is as severe as that, or more."""
    return any(item.suppression is None and item.finding.severity.rank <= at_least.rank for item in found)


def _near(place: Place, finding: Finding, offline: Offline) -> Place:
    places = (place, *(offline.locate(ref) for ref in finding.affected))
    return next((place for place in places if place.file), Place())


def _no_manifest(_: object) -> None:
    """Annotations were looked at by the analysis."""
