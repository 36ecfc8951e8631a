"""Taking an object of an egress case away, and putting it back, leads to what is found from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.parsing.files import load_text
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import EgressAnswer
from tests.mesh.cases_runner import CASES, Expectation, base_and, expectations_of
from tests.mesh.mutation import manifests_of

FILES = sorted((CASES / "egress").glob("*.yaml"))


def answers(snapshot: Snapshot, asked: Sequence[Expectation]) -> list[EgressAnswer]:
    engine = snapshot.derived(EgressEngine)
    found = []
    for item in asked:
        workload = snapshot.workload(item.namespace, item.workload)
        assert workload is not None
        found.append(engine.answer(workload, item.destination))
    return found


def from_scratch(snapshot: Snapshot) -> Snapshot:
    return Snapshot.from_manifests(manifests_of(snapshot), gaps=snapshot.gaps)


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_an_object_that_goes_and_comes_back_is_noticed(case: Path) -> None:
    text = case.read_text()
    asked, snapshot = expectations_of(text), base_and(text)
    before = answers(snapshot, asked)
    for manifest in load_text(text).manifests:
        ref = ResourceRef.of(manifest)
        without = snapshot.with_patched((), [ref])
        assert answers(without, asked) == answers(from_scratch(without), asked), f"without {ref}"
        assert answers(without.with_patched([manifest]), asked) == before, f"with {ref} again"
