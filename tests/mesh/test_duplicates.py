"""Hosts that two ServiceEntries declare, against what the egress engine makes of them."""

from __future__ import annotations

import pytest

from apps.mesh.duplicates import Duplicate, duplicates
from apps.mesh.egress import EgressEngine
from apps.mesh.egress.registry import Registries
from apps.mesh.meshconfig import control_planes
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination
from tests.mesh.rule_cases import laid

WORKLOAD = """
---
apiVersion: v1
kind: Namespace
metadata: {{name: {0}, labels: {{istio-injection: enabled}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {0}}}
spec: {{template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: web}}]}}}}}}
"""
ENTRY = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {0}, namespace: {1}, creationTimestamp: "{2}-01-01T00:00:00Z"}}
spec:
  hosts: [api.x.com]
  exportTo: {3}
  ports: [{{number: 443, name: tls, protocol: TLS}}]
"""


def cluster(*entries: tuple[str, str, int, str]) -> Snapshot:
    namespaces = "".join(WORKLOAD.format(name) for name in ("a", "b", "c"))
    return laid("mesh", more=namespaces + "".join(ENTRY.format(*entry) for entry in entries))


def found(snapshot: Snapshot) -> list[Duplicate]:
    registry = snapshot.derived(Registries).of(control_planes(snapshot)[0])
    return list(duplicates(registry))


def taken(snapshot: Snapshot, namespace: str) -> str:
    workload = snapshot.workload(namespace, "web")
    assert workload is not None
    answer = EgressEngine(snapshot).answer(workload, Destination("api.x.com"))
    assert answer.service is not None
    return answer.service.path


def test_the_first_is_what_the_engine_takes_and_the_second_stays_at_home() -> None:
    snapshot = cluster(("old", "a", 2024, '["*"]'), ("young", "b", 2025, '["*"]'))
    (item,) = found(snapshot)
    assert (item.first.ref.path, item.second.ref.path, item.kept_at_home) == ("a/old", "b/young", True)
    assert [taken(snapshot, name) for name in ("a", "b", "c")] == ["a/old", "b/young", "a/old"]


def test_in_one_namespace_the_second_is_never_taken() -> None:
    snapshot = cluster(("old", "a", 2024, '["*"]'), ("young", "a", 2025, '["*"]'))
    (item,) = found(snapshot)
    assert not item.kept_at_home
    assert [taken(snapshot, name) for name in ("a", "b", "c")] == ["a/old"] * 3


def test_one_that_is_exported_by_name_goes_before_a_public_one_where_it_says() -> None:
    snapshot = cluster(("old", "a", 2024, '["*"]'), ("young", "b", 2025, "[c]"))
    assert found(snapshot) == []
    assert [taken(snapshot, name) for name in ("a", "b", "c")] == ["a/old", "a/old", "b/young"]


def test_of_two_that_are_exported_by_name_the_older_one_is_taken() -> None:
    snapshot = cluster(("old", "a", 2024, "[c]"), ("young", "b", 2025, "[b, c]"))
    (item,) = found(snapshot)
    assert (item.first.ref.path, item.kept_at_home) == ("a/old", True)
    assert [taken(snapshot, name) for name in ("b", "c")] == ["b/young", "a/old"]


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ('["."]', '["."]', False),
        ('["*"]', '["."]', False),
        ("[b]", '["."]', True),
        ("[c]", "[c]", True),
        ("[a, b]", "[c]", False),
        ('["~"]', '["*"]', False),
        ('["*"]', '["~"]', False),
    ],
)
def test_entries_meet_where_somebody_sees_both(one: str, other: str, meet: bool) -> None:
    assert bool(found(cluster(("x", "a", 2024, one), ("y", "b", 2025, other)))) is meet


def test_a_host_of_many_private_namespaces_costs_one_look_at_each() -> None:
    entries = "".join(ENTRY.format("x", f"n{number}", 2024, '["."]') for number in range(300))
    snapshot = laid("mesh", more=entries)
    assert found(snapshot) == []
