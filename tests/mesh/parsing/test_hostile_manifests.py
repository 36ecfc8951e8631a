"""Whatever a cluster or a file sends: problems are values, and no question raises.

Real manifests of the case files, with any one part of them replaced by nonsense.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.mesh.egress import EgressEngine
from apps.mesh.meshconfig import control_planes
from apps.mesh.parsing.directories import load_directory
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol
from tests.mesh.cases_runner import CASES, expectations_of

BASE = load_directory(CASES / "mesh.yaml").manifests
FILES = sorted((CASES / "egress").glob("*.yaml"))
TEXTS = st.sampled_from(
    ["", "*", "*/*", "~", ".", "x.com", "10.0.0.0/33", "::1", "{", "9" * 5000, "\x00", "²"]
)
NONSENSE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 2**70), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*at, key)
            yield from places(inner, (*at, key))


def replaced(value: Any, place: tuple[Any, ...], by: Any) -> Any:
    changed = copy.deepcopy(value)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = by
    return changed


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=250, deadline=None)
def test_nonsense_anywhere_in_a_manifest_never_raises(case: Any, data: st.DataObject) -> None:
    own = [dict(manifest) for manifest in load_directory(case).manifests]
    everything = [*map(dict, BASE), *own]
    place = data.draw(st.sampled_from(list(places(everything))))
    snapshot = Snapshot.from_manifests(
        item if isinstance(item, dict) else {} for item in replaced(everything, place, data.draw(NONSENSE))
    )
    control_planes(snapshot)
    engine = EgressEngine(snapshot)
    engine.scopes()
    asked = [expectation.destination for expectation in expectations_of(case.read_text())]
    for workload in snapshot.workloads:
        for destination in (*asked, Destination("a.x.com"), Destination("cart.pay", 80, Protocol.HTTP)):
            answer = engine.answer(workload, destination)
            assert answer.evidence
            assert answer.sentence
