"""Every case file under cases/mtls is a small mesh whose comments are the assertion."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from apps.mesh.clienttls import mtls_conflicts
from apps.mesh.mtls import mtls_modes
from apps.mesh.reports import MtlsMode
from apps.mesh.snapshot import Snapshot
from tests.mesh.mtls_cases import FILES, snapshot_of, violations


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_modes_and_conflicts_are_as_the_case_expects(case: Path) -> None:
    assert violations(case, snapshot_of(case)) == []


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_the_evidence_names_objects_that_are_there(case: Path) -> None:
    snapshot = snapshot_of(case)
    for report in snapshot.derived(mtls_modes).values():
        assert report.evidence
        assert report.reason
        for step in report.evidence:
            assert len(step.title.split()) <= 8
            assert step.ref is None or snapshot.exists(step.ref)


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_the_order_of_the_input_changes_nothing(case: Path) -> None:
    first = snapshot_of(case)
    shuffled = list(first.manifests())
    random.Random(3).shuffle(shuffled)
    second = Snapshot.from_manifests(shuffled, gaps=first.gaps)
    assert first.derived(mtls_modes) == second.derived(mtls_modes)
    assert first.derived(mtls_conflicts) == second.derived(mtls_conflicts)


def test_there_is_a_case_for_every_mode() -> None:
    seen = {report.mode for case in FILES for report in snapshot_of(case).derived(mtls_modes).values()}
    assert seen == set(MtlsMode)
