"""What propose prints, laid over the manifests it was made for: the findings that it names are gone, no other
one comes, and no document of it can be left out."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest
import yaml

from apps.analysis.offline import read
from apps.analysis.proposing import Mending, mendings
from apps.mesh.analyse import analyse
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import speedscale
from apps.mesh.patches import apply, created, stripped, to_yaml, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.remedies.base import Target
from apps.mesh.snapshot import Snapshot
from tests.mesh.rule_cases import RuleCase, cases

HOSTS = speedscale()
TODAY = date(2026, 11, 1)
MENDED = [case for case in cases() if case.mended_by or case.code in {"SS01", "SS02", "SS03", "SS04", "SS05"}]
"""Those for which there is something to propose."""
MIXES = 25


def laid_over(snapshot: Snapshot, found: list[Mending]) -> Snapshot:
    """The documents as they are printed and read again, each in the place of the object it is of."""
    documents: list[Manifest] = list(
        yaml.safe_load_all("---\n".join(to_yaml(stripped(item.patch.after or {})) for item in found))
    )
    patches = []
    for document in filter(None, documents):
        before = snapshot.manifest(ResourceRef.of(document))
        patches.append(created(document) if before is None else updated(before, document))
    return apply(snapshot, patches)


def findings(snapshot: Snapshot) -> dict[str, Finding]:
    return {item.fingerprint: item for item in analyse(snapshot, HOSTS).findings}


def held(snapshot: Snapshot, directory: Path) -> int:
    """Writes a snapshot as files, proposes, and holds the promises against the outcome."""
    (directory / "all.yaml").write_text(yaml.safe_dump_all(map(dict, snapshot.manifests())))
    offline = read(directory)
    found = list(mendings(offline, HOSTS, (), Target(), today=TODAY).mendings)
    before, after = findings(offline.snapshot), findings(laid_over(offline.snapshot, found))
    promised = {one.fingerprint for item in found for one in item.mends}
    assert not promised & after.keys()
    known = {(item.ref, item.path) for item in before.values()}
    new = [item for mark, item in after.items() if mark not in before and item.severity is not Severity.INFO]
    assert [item for item in new if (item.ref, item.path) not in known] == [], "but by another name"
    for left_out in found:
        others = [item for item in found if item is not left_out]
        kept = findings(laid_over(offline.snapshot, others)).keys()
        assert {one.fingerprint for one in left_out.mends} & kept, left_out.patch.ref
    return len(found)


@pytest.mark.parametrize("case", MENDED, ids=lambda case: f"{case.code}-{case.name}")
def test_what_is_proposed_for_a_case_does_what_it_says(case: RuleCase, tmp_path: Path) -> None:
    held(case.snapshot(), tmp_path)


@pytest.mark.parametrize("seed", range(MIXES))
def test_what_is_proposed_for_several_cases_at_once_does_what_it_says(seed: int, tmp_path: Path) -> None:
    chosen = random.Random(seed).sample(MENDED, 3)
    manifests = [manifest for case in chosen for manifest in case.snapshot().manifests()]
    held(Snapshot.from_manifests(manifests), tmp_path)


def test_most_of_these_cases_are_proposed_something(tmp_path: Path) -> None:
    (case,) = [case for case in MENDED if (case.code, case.name) == ("SS03", "lists-only-itself")]
    assert held(case.snapshot(), tmp_path)
