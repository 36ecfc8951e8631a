"""Every kind of change of a generated mesh leads to what is found from scratch, alone and in chains."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.toplevel import WORKLOAD_INPUTS
from tests.mesh.budget import examples
from tests.mesh.generated import EVERY_KIND, meshes, objects
from tests.mesh.rule_cases import laid
from tests.mesh.test_incremental import everything, from_scratch

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


def of_kind(snapshot: Snapshot, kind: str) -> list[ResourceRef]:
    kinds = WORKLOAD_INPUTS if kind == "Workload" else {kind}
    return [ref for ref in snapshot.refs if ref.kind in kinds]


def patched(data: st.DataObject, snapshot: Snapshot, kind: str) -> Snapshot:
    """The snapshot with one object of the kind created, replaced or deleted."""
    there = of_kind(snapshot, kind)
    if there and data.draw(st.sampled_from(["put", "put", "delete"])) == "delete":
        return snapshot.with_patched([], [data.draw(st.sampled_from(there))])
    return snapshot.with_patched(data.draw(objects(kind)))


@pytest.mark.parametrize("kind", EVERY_KIND)
@given(data=st.data())
@settings(max_examples=examples(25), deadline=None, suppress_health_check=SLOW)
def test_one_changed_object_of_a_kind(kind: str, data: st.DataObject) -> None:
    before = Snapshot.from_manifests(data.draw(meshes()))
    found = everything(before)
    for _ in range(2):  # two changes of one snapshot know nothing of one another
        after = patched(data, before, kind)
        assert everything(after) == everything(from_scratch(after))
    assert everything(before) == found


@given(data=st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW)
def test_a_chain_of_changes(data: st.DataObject) -> None:
    snapshot = Snapshot.from_manifests(data.draw(meshes()))
    everything(snapshot)
    for _ in range(data.draw(st.integers(2, 5))):
        for kind in data.draw(st.lists(st.sampled_from(EVERY_KIND), min_size=1, max_size=2)):
            snapshot = patched(data, snapshot, kind)
        assert everything(snapshot) == everything(from_scratch(snapshot))


def test_an_entry_that_few_see_decides_for_others_where_it_shares_a_host() -> None:
    """Two entries of one namespace give a cluster their endpoints together, whoever sees which of them."""
    before = laid("mesh", "shop").with_patched([entry("b", "*", (80, "HTTP"), (443, "TCP"))])
    everything(before)
    after = before.with_patched([entry("a", ".", (80, "HTTP"), endpoints=[{"address": "10.9.9.9"}])])
    assert everything(after) != everything(before)
    assert everything(after) == everything(from_scratch(after))
    assert everything(before) == everything(from_scratch(before))


def entry(name: str, seen_by: str, *ports: tuple[int, str], **more: Any) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": "pay"},
        "spec": {
            "hosts": ["api.x.com"],
            "exportTo": [seen_by],
            "resolution": "STATIC",
            **more,
            "ports": [{"number": number, "name": f"p{number}", "protocol": kind} for number, kind in ports],
        },
    }
