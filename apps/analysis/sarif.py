"""Findings as SARIF 2.1.0, which code hosts and editors show beside the lines. Decides nothing.

The same findings give the same text: nothing of the machine, the day or the run is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from apps.analysis.located import Located
from apps.analysis.offline import Place
from apps.mesh.analyse import CRASH_CODE, CRASH_TITLE, FILE_CODE, FILE_TITLE, PROBLEM_CODE, PROBLEM_TITLE
from apps.mesh.findings import Finding, Severity
from apps.mesh.rules.base import Rule
from apps.mesh.rules.catalogue import RULES
from apps.mesh.suppression import UNKNOWN_CODE, UNKNOWN_TITLE, By, Suppression

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
TOOL = "meshconsole"
FINGERPRINT = "meshconsoleFinding/v1"
BASE = "%SRCROOT%"
MOST_RESULTS = 25_000
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
KINDS = {By.ANNOTATION: "inSource", By.FILE: "external", By.CONSOLE: "external"}
OWN_TITLES = {
    CRASH_CODE: (CRASH_TITLE, Severity.WARNING),
    PROBLEM_CODE: (PROBLEM_TITLE, Severity.ERROR),
    FILE_CODE: (FILE_TITLE, Severity.ERROR),
    UNKNOWN_CODE: (UNKNOWN_TITLE, Severity.INFO),
}


def sarif(found: Iterable[Located]) -> dict[str, Any]:
    """A log of one run. Every check is listed, found or not; paths are relative to what was analysed."""
    rules = sorted([*map(_rule, RULES), *map(_own_rule, OWN_TITLES)], key=lambda rule: str(rule["id"]))
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    worst = sorted(found, key=lambda item: item.finding.severity.rank)
    ordered = sorted(worst[:MOST_RESULTS], key=_order)
    driver = {"name": TOOL, "rules": rules}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(item, numbers) for item in ordered],
                **_left_out(len(worst)),
            }
        ],
    }


def _left_out(found: int) -> dict[str, Any]:
    if found <= MOST_RESULTS:
        return {}
    told = f"{found - MOST_RESULTS} findings are left out: code hosts take no more than {MOST_RESULTS}."
    notice = {"level": "error", "message": {"text": told}}
    return {"invocations": [{"executionSuccessful": True, "toolExecutionNotifications": [notice]}]}


def _rule(rule: Rule) -> dict[str, Any]:
    return _descriptor(rule.code, rule.title, rule.severity, rule.doc.strip(), rule.references, rule.name)


def _own_rule(code: str) -> dict[str, Any]:
    title, severity = OWN_TITLES[code]
    return _descriptor(code, title, severity, f"{title}.", ())


def _descriptor(
    code: str, title: str, severity: Severity, doc: str, references: Sequence[str], name: str = ""
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": _plain(f"{title}.")},
        "fullDescription": {"text": _plain(" ".join(doc.partition("\n\n")[0].split()))},
        "help": {"text": _plain(doc), "markdown": _plain(f"**{code}: {title}**\n\n{doc}")},
        "defaultConfiguration": {"level": LEVELS[severity]},
        # `helpUri` has to be absolute, and where the pages are published is for others to say.
        "properties": {"documentation": f"docs/rules/{code}.md", "references": list(references)},
    }
    return {**described, "name": name} if name else described


def _result(item: Located, numbers: dict[str, int]) -> dict[str, Any]:
    finding, quiet = item.finding, item.suppression
    return {
        "ruleId": finding.code,
        "ruleIndex": numbers[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": _plain(f"{finding.ref}: {finding.message}")},
        "locations": [_location(item)],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "suppressions": [_suppression(quiet)] if quiet is not None else [],
        "properties": _properties(finding, quiet),
    }


def _location(item: Located) -> dict[str, Any]:
    """The place in a file, where there is one, and the object by name."""
    finding = item.finding
    name = " ".join(part for part in (str(finding.ref), finding.path) if part)
    logical = {"fullyQualifiedName": name, "name": finding.ref.name, "kind": "resource"}
    location: dict[str, Any] = {"logicalLocations": [logical]}
    if item.near.file:
        location["physicalLocation"] = _physical(item.near)
    return location


def _physical(place: Place) -> dict[str, Any]:
    uri = quote(place.file.replace("\\", "/"), errors="surrogateescape")
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": BASE}}
    column = {"startColumn": place.column} if place.column else {}
    return {**physical, "region": {"startLine": place.line or 1, **column}}


def _plain(text: str) -> str:
    """A message in which braces are no placeholders (§3.11.5) and what an object is called makes no link
    (§3.11.6)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "\\](")


def _suppression(quiet: Suppression) -> dict[str, Any]:
    return {"kind": KINDS[quiet.by], "status": "accepted", "justification": quiet.reason}


def _properties(finding: Finding, quiet: Suppression | None) -> dict[str, Any]:
    told: dict[str, Any] = {"references": list(finding.references), "remedy": finding.remedy}
    if quiet is not None and quiet.until is not None:
        told["suppressedUntil"] = quiet.until.isoformat()
    return told


def _order(item: Located) -> tuple[str, int, int, str, str]:
    place = item.near
    return (place.file, place.line or 0, place.column or 0, item.finding.code, item.finding.fingerprint)
