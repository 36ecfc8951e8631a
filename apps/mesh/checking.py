"""What the rules find on a snapshot, rule by rule, and what an analysis says of itself: checks that crashed,
fields that could not be read, annotations that ignore nothing.

A rule whose kinds did not change is not run again: its findings come with the snapshot.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import HostSet
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.catalogue import RULES
from apps.mesh.shelves import Shelf
from apps.mesh.snapshot import Snapshot
from apps.mesh.suppression import UNKNOWN_CODE, Suppression, ignore_of, suppressed, unknown_codes

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


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A finding with its place among all others."""

    place: tuple[int, str, str, str, str, str]
    fingerprint: str
    finding: Finding


def findings(snapshot: Snapshot, hostset: HostSet, rules: Iterable[Rule] = RULES) -> tuple[Finding, ...]:
    """What the rules find, and what could not be parsed, most severe first."""
    parts = [snapshot.derived(_found, rule, hostset) for rule in rules]
    parts.extend(snapshot.each_kind(_problems))
    parts.extend(snapshot.each_kind(_unknown_codes))
    unique = {item.fingerprint: item for part in parts for item in part}
    return tuple([item.finding for item in sorted(unique.values(), key=_place)])


def ignored(snapshot: Snapshot, found: Iterable[Finding]) -> dict[str, Suppression]:
    """Those of the findings that their own object's annotation suppresses, by fingerprint."""
    marked = frozenset().union(*snapshot.each_kind(_ignoring))
    manifest_of: Callable[[ResourceRef], Mapping[str, object] | None] = snapshot.manifest
    return suppressed((item for item in found if item.ref in marked), manifest_of, today=date.min)


def _found(snapshot: Snapshot, rule: Rule, hostset: HostSet) -> tuple[_Ranked, ...]:
    found = _run(rule, RuleContext(snapshot, hostset))
    if rule.about_hosts:
        found = [replace(finding, hostset=str(hostset)) for finding in found]
    return tuple(map(_ranked, found))


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


def _problems(shelf: Shelf) -> tuple[_Ranked, ...]:
    return tuple(
        _ranked(
            Finding(
                code=PROBLEM_CODE,
                severity=Severity.WARNING,
                title=PROBLEM_TITLE,
                message=f"{problem.message} The field was read as if it were absent.",
                ref=problem.ref,
                api_version=str(shelf.entries[problem.ref].manifest.get("apiVersion") or ""),
                path=problem.path,
                key=problem.path,
                references=("IST0106",),
            )
        )
        for problem in shelf.problems
    )


def _unknown_codes(shelf: Shelf) -> tuple[_Ranked, ...]:
    found = (unknown_codes(entry.manifest, ref, KNOWN_CODES) for ref, entry in shelf.entries.items())
    return tuple(_ranked(finding) for finding in found if finding is not None)


def _ignoring(shelf: Shelf) -> frozenset[ResourceRef]:
    return frozenset(ref for ref, entry in shelf.entries.items() if ignore_of(entry.manifest) is not None)


def _ranked(finding: Finding) -> _Ranked:
    ref = finding.ref
    place = (finding.severity.rank, finding.code, ref.kind, ref.namespace, ref.name, finding.key)
    return _Ranked(place, finding.fingerprint, finding)


def _place(item: _Ranked) -> tuple[int, str, str, str, str, str]:
    return item.place
