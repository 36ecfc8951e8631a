"""What was found in files, each finding with its place and with what suppresses it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from apps.analysis.offline import Offline, Place, file_findings
from apps.mesh.analyse import KNOWN_CODES, Analysis
from apps.mesh.findings import Finding, Severity
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.rules.wording import listed
from apps.mesh.suppression import ALL, ANNOTATION_PATH, Suppression, ignore_of, suppressed

ANYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Located:
    """A finding; `place` is where its field stands, nowhere for an object that is in no file; `near` is
    where to show it: there, else at the first object that it affects, else at the first one of its
    namespace, or of all: code hosts refuse a log with a finding that is in no file."""

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
    first = _first(offline.documents)
    found = [
        Located(finding, place, _near(place, finding, offline, first), quiet.get(finding.fingerprint))
        for finding, place in zip(findings, places, strict=True)
    ]
    return tuple(sorted(found, key=lambda item: item.finding.severity.rank))


def notes(found: Iterable[Located], offline: Offline, *, today: date) -> tuple[str, ...]:
    """A sentence for every suppression that has ended, or that suppresses nothing."""
    findings = [item.finding for item in found]
    codes: dict[ResourceRef, set[str]] = {}
    for finding in findings:
        codes.setdefault(finding.ref, set()).add(finding.code)
    idle = (
        f"{offline.locate(ref, ANNOTATION_PATH)}: {ref} ignores {listed(unused)}, of which nothing "
        "is found there; it can be taken out."
        for ref, document in offline.documents.items()
        if (unused := _unused(document.manifest, codes.get(ref, set())))
    )
    return (*offline.ignored.notes(findings, today), *idle)


def _unused(manifest: Manifest, found: set[str]) -> list[str]:
    """The checks, of those that exist, that an object's annotation names and that find nothing of it."""
    ignore = ignore_of(manifest)
    if ignore is None or (ALL in ignore.codes and found):
        return []
    return [code for code in ignore.codes if code == ALL or (code in KNOWN_CODES and code not in found)]


def fails(found: Iterable[Located], at_least: Severity) -> bool:
    """Whether a finding that nobody suppressed is as severe as that, or more."""
    return any(item.suppression is None and item.finding.severity.rank <= at_least.rank for item in found)


def _near(place: Place, finding: Finding, offline: Offline, first: dict[str, ResourceRef]) -> Place:
    if place.file:
        return place
    namespace = finding.ref.namespace or finding.ref.name
    refs = (*finding.affected, first.get(namespace), first.get(ANYWHERE))
    found = (offline.locate(ref) for ref in refs if ref is not None)
    return next((place for place in found if place.file), Place())


def _first(refs: Iterable[ResourceRef]) -> dict[str, ResourceRef]:
    """The first object of each namespace, and of all of them."""
    found: dict[str, ResourceRef] = {}
    for ref in refs:
        found.setdefault(ANYWHERE, ref)
        found.setdefault(ref.namespace, ref)
    return found


def _no_manifest(_: object) -> None:
    """Annotations were looked at by the analysis."""
