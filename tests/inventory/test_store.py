"""Keeping what was read: the same content writes nothing, history is free, what was unread stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.inventory import selectors, store
from apps.inventory.collect import Collected, Collection
from apps.inventory.models import Content, ObjectVersion
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Gap
from tests.factories.clusters import cluster as cluster_row
from tests.factories.people import person

pytestmark = pytest.mark.django_db
SERVED = {"networking.istio.io": ["v1"]}


def entry(name: str, host: str, version: str = "1", uid: str = "u") -> Collected:
    manifest = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"hosts": [host]},
    }
    return Collected(manifest, {"uid": uid, "resourceVersion": version, "managedFields": []})


def save(row: Cluster, *objects: Collected, gaps: tuple[Gap, ...] = (), minutes: int = 0) -> store.Saved:
    at = now() + timedelta(minutes=minutes)
    return store.save(row, Collection(objects, gaps, SERVED, len(objects)), at=at)


def counts(saved: store.Saved) -> tuple[int, int, int]:
    return saved.added, saved.changed, saved.removed


def test_objects_are_added_changed_and_removed() -> None:
    row = cluster_row()
    assert counts(save(row, entry("a", "a.test"), entry("b", "b.test"))) == (2, 0, 0)
    assert counts(save(row, entry("a", "other.test"), minutes=1)) == (0, 1, 1)
    current = ObjectVersion.objects.filter(valid_to__isnull=True)
    assert [version.content.manifest["spec"]["hosts"] for version in current] == [["other.test"]]


def test_the_same_content_writes_nothing_but_the_time_of_reading() -> None:
    row = cluster_row()
    first = save(row, entry("a", "a.test"))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        again = save(row, entry("a", "a.test"), minutes=1)
    assert not again.any
    assert again.revision == first.revision
    writes = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) == 1
    assert "inventorystate" in writes[0]


def test_a_new_resource_version_moves_without_a_new_content() -> None:
    row = cluster_row()
    save(row, entry("a", "a.test", "1"))
    assert not save(row, entry("a", "a.test", "2"), minutes=1).any
    assert ObjectVersion.objects.get().meta["resourceVersion"] == "2"


def test_an_object_made_anew_with_the_same_content_is_another_version() -> None:
    row = cluster_row()
    save(row, entry("a", "a.test", uid="u1"))
    assert counts(save(row, entry("a", "a.test", uid="u2"), minutes=1)) == (0, 1, 0)
    assert Content.objects.count() == 1


def test_one_content_serves_several_clusters() -> None:
    for name in ("one", "two"):
        save(cluster_row(name), entry("a", "a.test"))
    assert Content.objects.count() == 1
    assert ObjectVersion.objects.count() == 2


def test_what_could_not_be_read_stays_as_it_was_and_is_a_gap_of_the_snapshot() -> None:
    row = cluster_row()
    save(row, entry("a", "a.test"))
    gap = Gap("ServiceEntry", "", "forbidden")
    assert counts(save(row, gaps=(gap,), minutes=1)) == (0, 0, 0)
    snapshot = store.load(row)
    assert snapshot.gaps == (gap,)
    assert snapshot.exists(ResourceRef("ServiceEntry", "shop", "a"))
    assert counts(save(row, minutes=2)) == (0, 0, 1)
    assert store.load(row).gaps == ()


def test_any_earlier_moment_can_be_loaded() -> None:
    row = cluster_row()
    ref = ResourceRef("ServiceEntry", "shop", "a")
    save(row, entry("a", "old.test"))
    save(row, entry("a", "new.test"), minutes=10)
    save(row, minutes=20)
    hosts = []
    for minutes in (1, 11):
        manifest = store.load(row, now() + timedelta(minutes=minutes)).manifest(ref)
        assert manifest is not None
        hosts.append(manifest["spec"]["hosts"])
    assert hosts == [["old.test"], ["new.test"]]
    assert store.load(row, now() + timedelta(minutes=21)).manifest(ref) is None
    assert store.load(row, now() - timedelta(minutes=1)).manifest(ref) is None


def test_a_snapshot_is_kept_until_the_inventory_changes(django_assert_num_queries: Any) -> None:
    row = cluster_row()
    save(row, entry("a", "a.test"))
    first = store.load(row)
    with django_assert_num_queries(1):
        assert store.load(row) is first
    save(row, entry("b", "b.test"), minutes=1)
    assert store.load(row) is not first


def test_names_beyond_kubernetes_limits_are_left_out() -> None:
    row = cluster_row()
    assert counts(
        save(row, entry("x" * 254, "a.test"), entry("", "b.test"), entry("<script>", "c.test"))
    ) == (1, 0, 0)


def test_objects_are_found_by_those_who_may_see_their_namespace() -> None:
    row = cluster_row()
    save(row, entry("a", "a.test"))
    seen = selectors.current(person("victor"), row)
    assert [version.name for version in seen] == ["a"]
    assert not selectors.current(person("eve"), row).exists()
    assert not selectors.current(person("walter", Role.VIEWER, namespace="other"), row).exists()
    assert selectors.current(
        person("wanda", Role.VIEWER, namespace="sh*"), row, text="serviceentry a"
    ).exists()


def test_every_version_of_an_object_is_listed_newest_first() -> None:
    row = cluster_row()
    save(row, entry("a", "old.test"))
    save(row, entry("a", "new.test"), minutes=1)
    versions = selectors.versions(person("victor"), row, "ServiceEntry", "shop", "a")
    assert [v.content.manifest["spec"]["hosts"][0] for v in versions] == ["new.test", "old.test"]
