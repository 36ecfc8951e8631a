"""Every case file under cases/egress is a small mesh whose `# expect:` comments are the assertion."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.parsing.directories import load_directory
from apps.mesh.snapshot import Snapshot
from tests.mesh.cases_runner import CASES, base_and, expectations_of, gaps_of, violations

FILES = sorted((CASES / "egress").glob("*.yaml"))


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_the_engine_answers_as_the_case_expects(case: Path) -> None:
    assert violations(case.read_text()) == []


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_the_evidence_is_short_and_plain(case: Path) -> None:
    snapshot = base_and(case.read_text())
    engine = EgressEngine(snapshot)
    for expectation in expectations_of(case.read_text()):
        workload = snapshot.workload(expectation.namespace, expectation.workload)
        assert workload is not None
        answer = engine.answer(workload, expectation.destination)
        assert 2 <= len(answer.evidence) <= 9
        for step in answer.evidence:
            assert len(step.title.split()) <= 8, step.title
            assert step.text.endswith((".", "!")) or step.text, step
            assert step.ref is None or snapshot.exists(step.ref), step


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_the_order_of_the_input_changes_nothing(case: Path) -> None:
    base, own = load_directory(CASES / "mesh.yaml"), load_directory(case)
    merged = {document.ref: document.manifest for document in (*base.documents, *own.documents)}
    first = EgressEngine(Snapshot.from_manifests(merged.values(), gaps=gaps_of(case.read_text())))
    shuffled = list(merged.values())
    random.Random(7).shuffle(shuffled)
    snapshot = Snapshot.from_manifests(shuffled, gaps=gaps_of(case.read_text()))
    second = EgressEngine(snapshot)
    for expectation in expectations_of(case.read_text()):
        workload = snapshot.workload(expectation.namespace, expectation.workload)
        assert workload is not None
        assert first.answer(workload, expectation.destination) == second.answer(
            workload, expectation.destination
        )


def test_there_is_a_case_for_every_verdict() -> None:
    verdicts = {expectation.verdict for case in FILES for expectation in expectations_of(case.read_text())}
    assert verdicts == {
        "allowed-registry",
        "allowed-passthrough",
        "blocked-502",
        "blocked-503",
        "blocked-reset",
        "bypasses-mesh",
        "not-enforced",
        "unknown",
    }
