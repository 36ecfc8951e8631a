"""Suppressions: an annotation reaches its own object only, entries hold until their day, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from apps.mesh.analyse import KNOWN_CODES, analyse
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import speedscale
from apps.mesh.parsing.files import load_text
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.suppression import (
    ANNOTATION,
    REASON_ANNOTATION,
    By,
    Entry,
    Ignore,
    Suppression,
    ignore_of,
    matches,
    suppressed,
    unknown_codes,
)
from tests.mesh.rule_cases import base_text

TODAY = date(2026, 5, 1)
FINDING = Finding("SS03", Severity.ERROR, "Wrong", "It is wrong.", ResourceRef("Sidecar", "shop", "default"))
OTHER = replace(FINDING, ref=ResourceRef("Sidecar", "shop", "other"))


def by(reason: str = "known", until: date | None = None) -> Suppression:
    return Suppression(By.FILE, reason, until)


def annotated(annotations: Any) -> Manifest:
    metadata = {"name": "default", "namespace": "shop", "annotations": annotations}
    return {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": metadata}


def decide(*findings: Finding, manifest: Manifest | None = None, entries: Any = ()) -> dict[str, Suppression]:
    return suppressed(findings, lambda ref: manifest if ref == FINDING.ref else None, entries, today=TODAY)


@pytest.mark.parametrize(
    ("annotations", "ignore"),
    [
        ({ANNOTATION: "SS03, MC010"}, Ignore(("SS03", "MC010"), "")),
        (
            {ANNOTATION: "ss03 MC010,SS03: by design: see the wiki"},
            Ignore(("SS03", "MC010"), "by design: see the wiki"),
        ),
        ({ANNOTATION: "*", REASON_ANNOTATION: " legacy "}, Ignore(("*",), "legacy")),
        ({ANNOTATION: "SS03: here", REASON_ANNOTATION: "there"}, Ignore(("SS03",), "here")),
        ({ANNOTATION: ""}, Ignore((), "")),
        ({ANNOTATION: True}, Ignore(("TRUE",), "")),
        ({REASON_ANNOTATION: "alone"}, None),
        (["no", "mapping"], None),
        (None, None),
    ],
)
def test_an_annotation_names_codes_and_may_give_a_reason(annotations: Any, ignore: Ignore | None) -> None:
    assert ignore_of(annotated(annotations)) == ignore


def test_an_annotation_suppresses_the_findings_of_its_own_object_and_of_no_other() -> None:
    found = decide(FINDING, OTHER, manifest=annotated({ANNOTATION: "SS03: known"}))
    assert found == {FINDING.fingerprint: Suppression(By.ANNOTATION, "known")}
    assert decide(FINDING, manifest=annotated({ANNOTATION: "MC010"})) == {}
    assert FINDING.fingerprint in decide(FINDING, manifest=annotated({ANNOTATION: "*"}))


@pytest.mark.parametrize(
    ("entry", "covers"),
    [
        (Entry(by()), True),
        (Entry(by(), code="SS03", kind="Sidecar", namespace="sh*", name="defa?lt"), True),
        (Entry(by(), code="SS01"), False),
        (Entry(by(), namespace="sho"), False),
        (Entry(by(), namespace="[s]hop"), False),
        (Entry(by(), kind="sidecar"), False),
        (Entry(by(), fingerprint=FINDING.fingerprint), True),
        (Entry(by(), fingerprint=OTHER.fingerprint, code="SS03"), False),
    ],
)
def test_an_entry_covers_one_finding_or_what_matches(entry: Entry, covers: bool) -> None:
    assert (FINDING.fingerprint in decide(FINDING, entries=[entry])) is covers


def test_a_finding_stays_suppressed_by_its_fingerprint_when_it_gets_worse_or_is_worded_anew() -> None:
    entry = Entry(by(), fingerprint=FINDING.fingerprint)
    assert decide(replace(FINDING, severity=Severity.INFO, message="Otherwise."), entries=[entry])
    assert not decide(replace(FINDING, key="another cause"), entries=[entry])


def test_an_entry_ends_after_its_last_day_and_the_one_that_holds_longest_counts() -> None:
    yesterday, today, later = date(2026, 4, 30), TODAY, date(2026, 6, 1)
    assert decide(FINDING, entries=[Entry(by("a", yesterday))]) == {}
    entries = [Entry(by("b", today)), Entry(by("c", later)), Entry(by("d", today))]
    assert decide(FINDING, entries=entries)[FINDING.fingerprint].reason == "c"
    entries.append(Entry(by("for ever")))
    assert decide(FINDING, entries=entries)[FINDING.fingerprint].reason == "for ever"


def test_a_glob_with_many_stars_is_answered_at_once() -> None:
    assert not matches("*a" * 120 + "b", "a" * 253)


@pytest.mark.parametrize("value", ["SS99", "SS03 nonsense", "*, SS99", "", ","])
def test_codes_that_do_not_exist_are_a_finding_of_their_own(value: str) -> None:
    found = unknown_codes(annotated({ANNOTATION: value}), FINDING.ref, KNOWN_CODES)
    assert found is not None
    assert (found.code, found.severity) == ("MC004", Severity.INFO)
    assert found.path == "metadata.annotations[meshconsole.io/ignore]"


@pytest.mark.parametrize("value", ["SS03", "*", "MC004: we know", "MC001 MC010"])
def test_codes_that_exist_are_none(value: str) -> None:
    assert unknown_codes(annotated({ANNOTATION: value}), FINDING.ref, KNOWN_CODES) is None


def test_an_analysis_keeps_what_an_annotation_ignores_and_marks_it() -> None:
    texts = [base_text(name) for name in ("mesh", "speedscale", "shop", "page-entry")]
    sidecar = {**annotated({ANNOTATION: "SS03, SS98: known"}), "spec": {"egress": [{"hosts": ["./*"]}]}}
    manifests = [manifest for text in texts for manifest in load_text(text).manifests]
    found = analyse(Snapshot.from_manifests([*manifests, sidecar]), speedscale())
    by_code = {finding.code: finding for finding in found.findings}
    assert {"SS01", "SS03", "MC004"} <= by_code.keys()
    assert found.ignored == {by_code["SS03"].fingerprint: Suppression(By.ANNOTATION, "known")}
    assert "SS98" in by_code["MC004"].message
