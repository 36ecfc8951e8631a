"""Which findings are suppressed, by what, and why. A suppressed finding is marked, never dropped.

Three things suppress: an annotation on the object itself, a file beside the manifests, and a decision in
the console. Knows nothing of where the last two are kept, nor of what the checks look for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

from apps.mesh.findings import Finding, Severity
from apps.mesh.refs import Manifest, ResourceRef

ANNOTATION = "meshconsole.io/ignore"
REASON_ANNOTATION = "meshconsole.io/ignore-reason"
ANNOTATION_PATH = f"metadata.annotations[{ANNOTATION}]"
UNKNOWN_CODE = "MC004"
UNKNOWN_TITLE = "An annotation ignores a check that does not exist"
ALL = "*"
REASON_LIMIT = 1000
MOST_CODES = 100
_BETWEEN = re.compile(r"[,\s]+")


class By(StrEnum):
    """What suppresses."""

    ANNOTATION = "annotation"
    FILE = "file"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding does not count. `until` is the last day (UTC) on which it holds, None for no end."""

    by: By
    reason: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody decided to suppress: one finding by its fingerprint, or every finding of a code
    (`*` for all) on the objects that match. In kind, namespace and name `*` and `?` are wildcards."""

    suppression: Suppression
    code: str = ALL
    kind: str = ALL
    namespace: str = ALL
    name: str = ALL
    fingerprint: str = ""

    def covers(self, code: str, ref: ResourceRef, fingerprint: str) -> bool:
        """Whether it is about this finding, whatever the day."""
        if self.fingerprint:
            return self.fingerprint == fingerprint
        return (
            self.code in (ALL, code)
            and matches(self.kind, ref.kind)
            and matches(self.namespace, ref.namespace)
            and matches(self.name, ref.name)
        )

    def holds(self, today: date) -> bool:
        """Whether its last day is not over."""
        return self.suppression.until is None or today <= self.suppression.until


@dataclass(frozen=True, slots=True)
class Ignore:
    """What the annotation of an object says: codes of checks, or `*`."""

    codes: tuple[str, ...]
    reason: str

    def covers(self, code: str) -> bool:
        return ALL in self.codes or code in self.codes


def matches(glob: str, text: str) -> bool:
    """Only `*` and `?` mean something in a glob; every other character stands for itself."""
    return glob == ALL or fnmatchcase(text, glob.replace("[", "[[]"))


def ignore_of(manifest: Manifest | None) -> Ignore | None:
    """What an object says about itself: `meshconsole.io/ignore: "SS03, MC010: the reason"`. A reason may
    also stand in an annotation of its own."""
    metadata = manifest.get("metadata") if manifest is not None else None
    # The exact type first: asking an abstract class is slow for thousands of objects.
    if type(metadata) is not dict and not isinstance(metadata, Mapping):
        return None
    annotations = metadata.get("annotations")
    if not annotations or not isinstance(annotations, Mapping):
        return None
    value = annotations.get(ANNOTATION)
    if value is None:
        return None
    words, _, reason = str(value).partition(":")
    codes = [word.upper() for word in _BETWEEN.split(words) if word][:MOST_CODES]
    reason = reason.strip() or str(annotations.get(REASON_ANNOTATION) or "").strip()
    return Ignore(tuple(dict.fromkeys(codes)), reason[:REASON_LIMIT])


def suppressed(
    findings: Iterable[Finding],
    manifest_of: Callable[[ResourceRef], Manifest | None],
    entries: Iterable[Entry] = (),
    *,
    today: date,
) -> dict[str, Suppression]:
    """The suppressed findings by fingerprint. An object's annotation reaches its own findings only and
    comes before entries; of several entries the one that holds longest counts."""
    holding = [entry for entry in entries if entry.holds(today)]
    found: dict[str, Suppression] = {}
    for finding in findings:
        mark = finding.fingerprint
        ignore = ignore_of(manifest_of(finding.ref))
        if ignore is not None and ignore.covers(finding.code):
            found[mark] = Suppression(By.ANNOTATION, ignore.reason)
            continue
        covering = [entry for entry in holding if entry.covers(finding.code, finding.ref, mark)]
        if covering:
            found[mark] = longest(covering).suppression
    return found


def longest(entries: Iterable[Entry]) -> Entry:
    """The entry that holds longest; the first of equals. Raises ValueError for none."""
    return max(entries, key=lambda entry: entry.suppression.until or date.max)


def unknown_codes(manifest: Manifest, ref: ResourceRef, known: Iterable[str]) -> Finding | None:
    """The finding that an annotation names checks that do not exist, and therefore ignores nothing."""
    ignore = ignore_of(manifest)
    if ignore is None:
        return None
    wrong = sorted(set(ignore.codes) - {ALL, *known})
    if not wrong and ignore.codes:
        return None
    what = (
        f"There is no check {', '.join(word[:40] for word in wrong[:10])}." if wrong else "It names no check."
    )
    return Finding(
        code=UNKNOWN_CODE,
        severity=Severity.INFO,
        title=UNKNOWN_TITLE,
        message=(
            f"{what} The annotation {ANNOTATION} ignores nothing with it. "
            'Write the codes of checks, such as "SS03, MC010: the reason", or "*" for all.'
        ),
        ref=ref,
        api_version=str(manifest.get("apiVersion") or ""),
        path=ANNOTATION_PATH,
    )
