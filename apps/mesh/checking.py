"""What the rules find on a snapshot, rule by rule, and what an analysis says of itself: checks that crashed,
fields that could not be read, annotations that ignore nothing.

A rule whose kinds did not change is not run again: its findings come with the snapshot.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import HostSet
from apps.mesh.inforce import in_force
from apps.mesh.objects.base import MeshObject
from apps.mesh.operatormade import KINDS as OPERATOR_KINDS
from apps.mesh.operatormade import made_by_operator
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.rules.base import InEachNamespace, OneByOne, Rule, RuleContext
from apps.mesh.rules.catalogue import RULES
from apps.mesh.shelves import Shelf
from apps.mesh.snapshot import Snapshot
from apps.mesh.suppression import UNKNOWN_CODE, Suppression, suppressed, unknown_codes

CRASH_CODE = "MC001"
CRASH_TITLE = "A check could not finish"
PROBLEM_CODE = "MC002"
PROBLEM_TITLE = "A field is not what its kind asks for"
FILE_CODE = "MC003"
FILE_TITLE = "A file, or a part of it, was not read"
OWN_CODES = (CRASH_CODE, PROBLEM_CODE, FILE_CODE, UNKNOWN_CODE)
KNOWN_CODES = frozenset({*OWN_CODES, *(rule.code for rule in RULES)})
"""Every code that a finding can have."""
CRASH_FRAMES = 3
SPEEDSCALES = "SS"
OPERATORS_WORK = (
    "Speedscale's operator wrote this object and would write it again, so there is nothing to mend by hand."
)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A finding with its place among all others."""

    place: tuple[int, str, str, str, str, str]
    fingerprint: str
    finding: Finding


_Findings = tuple[_Ranked, ...]


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


def _found(snapshot: Snapshot, rule: Rule, hostset: HostSet) -> _Findings:
    context, check = RuleContext(snapshot, hostset), rule.check
    if isinstance(check, InEachNamespace):
        parts = snapshot.parts(_in_namespace, rule, hostset).values()
        return tuple(item for part in parts for item in part)
    if not isinstance(check, OneByOne):
        return _weighed(snapshot, _run(rule, hostset, lambda: check(context)))
    known = snapshot.derived(_by_object, rule, hostset)
    found: list[_Ranked] = []
    for item in in_force(snapshot, check.kind):
        last = known.get(id(item))
        found.extend(
            last[1] if last is not None else _run(rule, hostset, partial(check.judge, context, item))
        )
    return _weighed(snapshot, found)


@EachNamespace
def _in_namespace(snapshot: Snapshot, namespace: str, rule: Rule, hostset: HostSet) -> _Findings:
    context, check = RuleContext(snapshot, hostset), rule.check
    assert isinstance(check, InEachNamespace)  # noqa: S101 see _found
    return _weighed(snapshot, _run(rule, hostset, partial(check.judge, context, namespace)))


def _by_object(snapshot: Snapshot, rule: Rule, hostset: HostSet) -> dict[int, tuple[MeshObject, _Findings]]:
    """What a rule finds of each object, by the identity of objects, which it keeps. It rests on what is
    looked at for them, and not on which there are: of others nothing is said here."""
    context, check = RuleContext(snapshot, hostset), rule.check
    assert isinstance(check, OneByOne)  # noqa: S101 see _found
    items = in_force(snapshot.aside(), check.kind)
    return {id(item): (item, _run(rule, hostset, partial(check.judge, context, item))) for item in items}


def _run(rule: Rule, hostset: HostSet, check: Callable[[], Iterable[Finding]]) -> _Findings:
    found = _attempt(rule, check)
    if rule.about_hosts:
        found = [replace(finding, hostset=str(hostset)) for finding in found]
    return tuple(map(_ranked, found))


def _weighed(snapshot: Snapshot, found: Iterable[_Ranked]) -> _Findings:
    """What was found, as hints where Speedscale's operator wrote the object: nobody can mend that by hand.
    What is parsed of an object does not say who wrote it, so this is asked anew of what was found before."""
    return tuple(_hint(item) if _operators(snapshot, item.finding) else item for item in found)


def _operators(snapshot: Snapshot, finding: Finding) -> bool:
    if finding.ref.kind not in OPERATOR_KINDS or finding.code.startswith(SPEEDSCALES):
        return False
    item = snapshot.get(finding.ref)
    return isinstance(item, MeshObject) and made_by_operator(snapshot, item)


def _hint(item: _Ranked) -> _Ranked:
    message = f"{OPERATORS_WORK} What was seen: {item.finding.message}"
    return _ranked(replace(item.finding, severity=Severity.INFO, remedy="", message=message))


def _attempt(rule: Rule, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
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
                severity=Severity.ERROR,
                title=PROBLEM_TITLE,
                message=problem.message,
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
    marked = shelf.ignoring.items()
    found = (unknown_codes(manifest, ref, KNOWN_CODES) for ref, manifest in marked)
    return tuple(_ranked(finding) for finding in found if finding is not None)


def _ignoring(shelf: Shelf) -> dict[ResourceRef, Manifest]:
    return shelf.ignoring


def _ranked(finding: Finding) -> _Ranked:
    ref = finding.ref
    place = (finding.severity.rank, finding.code, ref.kind, ref.namespace, ref.name, finding.key)
    return _Ranked(place, finding.fingerprint, finding)


def _place(item: _Ranked) -> tuple[int, str, str, str, str, str]:
    return item.place
