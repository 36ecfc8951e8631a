"""Whatever stands in a file or in a cluster: no exception, no check that crashes, no work that explodes."""

from __future__ import annotations

import copy
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.mesh.analyse import CRASH_CODE, PROBLEM_CODE, analyse
from apps.mesh.clienttls import mtls_conflicts
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import speedscale
from apps.mesh.mtls import mtls_modes
from apps.mesh.parsing.files import load_text
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import REMEDIES, propose, propose_everything
from apps.mesh.snapshot import Snapshot
from apps.mesh.suppression import ANNOTATION, By, Entry, Suppression, suppressed
from apps.mesh.verdicts import Destination, Protocol
from apps.mesh.whatif import predict
from bench.largemesh import manifests as large_mesh
from tests.mesh.budget import examples
from tests.mesh.cases_runner import CASES
from tests.mesh.mutation import NONSENSE, case_snapshots, manifests_of, places, replaced

HOSTS = speedscale()
ASKED = (
    Destination("a.x.com"),
    Destination("cart.pay", 80, Protocol.HTTP),
    Destination("*.x.com", 443, Protocol.TLS, "203.0.113.7"),
    Destination("db.y.com", 5432, Protocol.TCP),
)
FILES = sorted(CASES.rglob("*.yaml"))
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


def looked_at(manifests: list[Any]) -> Snapshot:
    """Everything that the core can be asked about these manifests."""
    snapshot = Snapshot.from_manifests(item if isinstance(item, dict) else {} for item in manifests)
    analysis = analyse(snapshot, HOSTS)
    assert [item.message for item in analysis.findings if item.code == CRASH_CODE] == []
    engine = snapshot.derived(EgressEngine)
    for workload in snapshot.workloads:
        for destination in ASKED:
            assert engine.answer(workload, destination).sentence
    assert snapshot.derived(mtls_modes).keys() == {workload.ref for workload in snapshot.workloads}
    assert snapshot.derived(mtls_conflicts) is not None
    for finding in analysis.findings:
        assert len(finding.fingerprint) == 32
    entry = Entry(Suppression(By.FILE, "why"), namespace="sh?p*[")
    suppressed(analysis.findings, snapshot.manifest, [entry], today=date(2026, 1, 1))
    for name in REMEDIES:
        for target in (Target(), *(Target(scopes=(scope.key,)) for scope in engine.scopes()[:2])):
            try:
                patches = propose(snapshot, HOSTS, name, target).patches
            except ProposalError:
                continue
            predict(snapshot, patches, HOSTS)
    propose_everything(snapshot, HOSTS)
    return snapshot


@given(case_snapshots(), st.data())
@settings(max_examples=examples(500), deadline=None, suppress_health_check=SLOW)
def test_nonsense_anywhere_in_any_case_is_no_exception(snapshot: Snapshot, data: st.DataObject) -> None:
    everything: Any = manifests_of(snapshot)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(everything))))
        everything = replaced(everything, place, data.draw(NONSENSE))
    looked_at(everything)


@given(case_snapshots(), st.data())
@settings(max_examples=examples(250), deadline=None, suppress_health_check=SLOW)
def test_parts_of_other_places_are_no_exception(snapshot: Snapshot, data: st.DataObject) -> None:
    """What is right in one place is moved to another: types that nearly fit."""
    everything: Any = manifests_of(snapshot)
    ways = list(places(everything))
    for _ in range(data.draw(st.integers(1, 4))):
        source = everything
        for key in data.draw(st.sampled_from(ways)):
            source = source[key]
        everything = replaced(everything, data.draw(st.sampled_from(ways)), copy.deepcopy(source))
        ways = list(places(everything))
    looked_at(everything)


def nested(depth: int, leaf: Any) -> Any:
    for level in range(depth):
        leaf = {"x": leaf} if level % 2 else [leaf]
    return leaf


HUGE = {
    "deep": nested(900, "x"),
    "long list of texts": [f"h{number}.x.com" for number in range(2000)],
    "long list of mappings": [{"hosts": ["*/*"], "number": number} for number in range(800)],
    "many keys": {f"k{number}": f"v{number}" for number in range(2000)},
    "long text": "é\u202e\U0001f600" * 20_000,
}


@pytest.mark.parametrize("what", HUGE)
@pytest.mark.parametrize("name", ["egress", "rules/SS03"])
def test_what_is_huge_is_no_exception(name: str, what: str) -> None:
    loaded = load_text((CASES / "mesh.yaml").read_text()).manifests
    path = next(path for path in sorted((CASES / name).glob("*.yaml")) if "Sidecar" in path.read_text())
    everything: Any = [dict(item) for item in (*loaded, *load_text(path.read_text()).manifests)]
    ways = list(places(everything))
    for place in ways[:: max(1, len(ways) // 12)]:
        looked_at(replaced(everything, place, HUGE[what]))


PIECES = st.sampled_from(
    [
        *(
            "\n",
            "  ",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<: *a",
            "!!python/object:os.system",
            "|",
        ),
        *(
            ">-",
            "---\n",
            "\t",
            "\x00",
            "\ufeff",
            '"',
            "'",
            "#",
            "%YAML 9.9\n",
            "? ",
            "é",
            "\U0001f600",
            "0x7",
        ),
    ]
)


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=examples(400), deadline=None)
def test_no_text_makes_reading_fail(path: Path, data: st.DataObject) -> None:
    text = path.read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + data.draw(PIECES) * data.draw(st.integers(1, 3))
            + text[at + data.draw(st.integers(0, 9)) :]
        )
    loaded = load_text(text, "some.yaml")
    assert all(problem.message and problem.file == "some.yaml" for problem in loaded.problems)
    assert all(0 <= problem.line <= text.count("\n") + 2 for problem in loaded.problems)
    analysis = analyse(Snapshot.from_manifests(loaded.manifests), HOSTS)
    assert [item.message for item in analysis.findings if item.code == CRASH_CODE] == []


@given(st.text(max_size=200))
@settings(max_examples=examples(100), deadline=None)
def test_any_text_is_read_or_is_a_problem(text: str) -> None:
    loaded = load_text(text, "some.yaml")
    assert all(problem.message for problem in loaded.problems)


@given(st.text(max_size=60) | NONSENSE)
@settings(max_examples=examples(80), deadline=None)
def test_any_annotation_is_read(value: Any) -> None:
    meta = {"name": "s", "namespace": "shop", "annotations": {ANNOTATION: value}}
    sidecar = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": meta,
        "spec": {"egress": 7},
    }
    found = analyse(Snapshot.from_manifests([sidecar]), HOSTS)
    assert [item.path for item in found.findings if item.code == PROBLEM_CODE].count("spec.egress") == 1


def test_a_field_that_cannot_be_read_is_a_finding_with_its_path() -> None:
    meta = {"name": "s", "namespace": "shop"}
    spec = {"egress": [{"hosts": ["./*"]}, {"hosts": {"a": 1}, "port": {"number": []}}]}
    sidecar = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": meta, "spec": spec}
    found = analyse(Snapshot.from_manifests([sidecar]), HOSTS).findings
    mine = {item.path for item in found if item.code == PROBLEM_CODE}
    assert {"spec.egress[1].hosts", "spec.egress[1].port.number"} <= mine
    assert {item.ref for item in found if item.code == PROBLEM_CODE} == {ResourceRef("Sidecar", "shop", "s")}


def calls(namespaces: int) -> int:
    """How many functions are called to parse and analyse a mesh of that size: a measure that no load on the
    machine changes."""
    given_manifests = list(large_mesh(namespaces))
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        analyse(Snapshot.from_manifests(given_manifests), HOSTS)
    finally:
        sys.setprofile(None)
    return counted


def test_twice_as_much_of_everything_is_not_much_more_than_twice_the_work() -> None:
    assert calls(80) <= 2.6 * calls(40)
