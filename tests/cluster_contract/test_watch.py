"""Recorded watches: what happens while somebody watches, and what the watcher is told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster_contract.conftest import EndpointFor
from tests.cluster_contract.endpoint import Endpoint, Watch
from tests.cluster_contract.making import ISTIO, make_namespaces, service_entry
from tests.cluster_contract.replay import Known, cases, play

pytestmark = pytest.mark.contract
Json = dict[str, Any]
MERGE = "application/merge-patch+json"
RECORDED = {case["name"]: case for case in cases("watch")}
REFUSED = [
    name
    for name, case in RECORDED.items()
    if case["response"]["status"] != 200 and name != "crd-deleted-then-list"
]


@dataclass(slots=True)
class Place:
    """A namespace to watch, and what can be done in it."""

    endpoint: Endpoint
    known: Known
    entries: str
    pods: str
    marks: dict[str, str] = field(default_factory=dict)

    def create(self, name: str, **labels: str) -> None:
        body = service_entry(name, self.known.namespace("watch"), dict(labels))
        assert self.endpoint.json("POST", self.entries, body).status == 201

    def patch(self, name: str, change: Json) -> None:
        assert self.endpoint.json("PATCH", f"{self.entries}/{name}", change, kind=MERGE).status == 200

    def delete(self, name: str) -> None:
        assert self.endpoint.json("DELETE", f"{self.entries}/{name}").status == 200

    def revision(self) -> str:
        return str(self.endpoint.json("GET", self.entries).body["metadata"]["resourceVersion"])

    def watch(self, name: str, revision: str = "") -> Watch:
        """The recorded watch of this name, from a revision of this run."""
        request = RECORDED[name]["request"]
        path = self.known.translate(request["path"])
        for seconds in ("=6", "=12"):  # ended by us; a slow machine gets more time
            path = path.replace(f"timeoutSeconds{seconds}", "timeoutSeconds=60")
        recorded = [part for part in path.split("&") if part.startswith("resourceVersion=")]
        if revision and recorded:
            path = path.replace(recorded[0], f"resourceVersion={revision}")
        return self.endpoint.watch(path, request["user"], request.get("headers", {}))


@pytest.fixture
def place(endpoint_for: EndpointFor) -> Iterator[Place]:
    endpoint, known = endpoint_for("watch")
    make_namespaces(endpoint, known, "watch")
    namespace = known.namespace("watch")
    yield Place(
        endpoint, known, f"{ISTIO}/{namespace}/serviceentries", f"/api/v1/namespaces/{namespace}/pods"
    )
    endpoint.json("DELETE", f"/api/v1/namespaces/{namespace}")


def shape(events: list[Json]) -> list[tuple[Any, ...]]:
    """Type, kind, name and labels of events."""
    return [
        (
            event["type"],
            event["object"].get("kind"),
            event["object"].get("apiVersion"),
            event["object"].get("metadata", {}).get("name"),
            event["object"].get("metadata", {}).get("labels"),
        )
        for event in events
    ]


def recorded(name: str) -> list[Json]:
    """The events of a recorded watch."""
    return list(RECORDED[name]["response"]["events"])


def revisions(events: list[Json]) -> list[int]:
    return [int(event["object"]["metadata"]["resourceVersion"]) for event in events]


def test_changes_come_as_added_modified_deleted_and_can_be_replayed(place: Place) -> None:
    start = place.revision()
    watch = place.watch("added-modified-deleted", start)
    place.create("w1")
    place.patch("w1", {"metadata": {"annotations": {"n": "1"}}})
    place.delete("w1")
    events = watch.events(3)
    assert shape(events) == shape(recorded("added-modified-deleted"))
    assert revisions(events) == sorted(set(revisions(events))), "each event has its own, later revision"
    again = place.watch("from-rv-replay", start).events()
    assert again == events


@pytest.mark.parametrize("name", ["no-rv", "rv-0", "legacy-watch-path", "partial-metadata"])
def test_a_watch_from_nowhere_starts_with_what_is_there(place: Place, name: str) -> None:
    labels = [event["object"]["metadata"]["labels"] for event in recorded(name)]
    place.create("w2", **labels[0])
    place.create("w3", **labels[1])
    assert shape(place.watch(name).events()) == shape(recorded(name))


def test_an_object_that_stops_matching_is_deleted_with_its_old_content(place: Place) -> None:
    place.create("w2", tier="web")
    place.create("w3", tier="db")
    watch = place.watch("label-stops-matching", place.revision())
    place.patch("w2", {"metadata": {"labels": {"tier": "db"}}})
    place.patch("w3", {"metadata": {"labels": {"tier": "web"}}})
    events = watch.events(2)
    assert shape(events) == shape(recorded("label-stops-matching"))
    live = place.endpoint.json("GET", f"{place.entries}/w2").body
    assert events[0]["object"]["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


def _make_pod(place: Place) -> None:
    spec = {"containers": [{"name": "app", "image": "registry.example.com/app:1.0"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pw"}, "spec": spec}
    assert place.endpoint.json("POST", place.pods, body).status == 201


def test_a_pod_that_leaves_the_selected_phase_is_deleted_for_the_watcher(place: Place) -> None:
    _make_pod(place)
    watch = place.watch("field-stops-matching", place.revision())
    phase = {"status": {"phase": "Running"}}
    assert place.endpoint.json("PATCH", f"{place.pods}/pw/status", phase, kind=MERGE).status == 200
    events = watch.events(1)
    assert shape(events) == shape(recorded("field-stops-matching"))
    assert events[0]["object"]["status"]["phase"] == "Pending"


def test_one_object_can_be_watched_by_its_name(place: Place) -> None:
    place.create("w2", tier="web")
    place.create("w3", tier="web")
    assert shape(place.watch("one-object").events()) == shape(recorded("one-object"))


@pytest.mark.parametrize("name", ["bookmarks", "future-rv", "timeout-zero-events"])
def test_a_quiet_watch_ends_cleanly_without_an_event(place: Place, name: str) -> None:
    assert place.watch(name, "" if name == "future-rv" else place.revision()).events() == recorded(name)


def _needs_watch_lists(endpoint: Endpoint) -> None:
    if not endpoint.serves_watch_lists():
        pytest.skip("this version of the server does not serve lists by watch")


def test_a_list_by_watch_ends_with_a_marked_bookmark(place: Place) -> None:
    _needs_watch_lists(place.endpoint)
    place.create("w2", tier="db")
    place.create("w3", tier="web")
    events = place.watch("watch-list").events(3)
    assert shape(events) == shape(recorded("watch-list"))
    assert events[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert revisions(events)[2] >= max(revisions(events)[:2])
    assert shape(place.watch("watch-list-no-bookmarks").events()) == shape(
        recorded("watch-list-no-bookmarks")
    )
    assert shape(place.watch("watch-list-empty").events(1)) == shape(recorded("watch-list-empty"))


def test_a_list_by_watch_of_pods_carries_their_type(place: Place) -> None:
    _needs_watch_lists(place.endpoint)
    _make_pod(place)
    assert shape(place.watch("watch-list-pods").events(2)) == shape(recorded("watch-list-pods"))


def test_a_table_watch_names_its_columns_once(place: Place) -> None:
    place.create("w2", tier="db")
    place.create("w3", tier="web")
    events = place.watch("table").events()
    assert [event["type"] for event in events] == [event["type"] for event in recorded("table")]
    names = [column["name"] for column in events[0]["object"]["columnDefinitions"]]
    assert names == [column["name"] for column in recorded("table")[0]["object"]["columnDefinitions"]]
    assert events[1]["object"]["columnDefinitions"] is None
    cells = [event["object"]["rows"][0]["cells"][:4] for event in events]
    assert cells == [event["object"]["rows"][0]["cells"][:4] for event in recorded("table")]


def test_deleting_a_definition_ends_the_watch_of_its_objects(place: Place) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    schema = {"type": "object", "properties": {"spec": {"type": "object"}}}
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.demo.example.com"},
        "spec": {"group": "demo.example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    assert place.endpoint.json("POST", definitions, body).status == 201
    things = f"/apis/demo.example.com/v1/namespaces/{place.known.namespace('watch')}/things"
    thing = {"apiVersion": "demo.example.com/v1", "kind": "Thing", "metadata": {"name": "t1"}, "spec": {}}
    for _ in range(100):
        if place.endpoint.json("POST", things, thing).status == 201:
            break
    watch = place.watch("crd-deleted")
    assert place.endpoint.json("DELETE", f"{definitions}/things.demo.example.com").status == 200
    assert shape(watch.events()) == shape(recorded("crd-deleted"))
    assert not play(place.endpoint, place.known, RECORDED["crd-deleted-then-list"]).problems


@pytest.mark.parametrize("name", REFUSED)
def test_a_watch_that_cannot_be_is_refused_before_the_stream(place: Place, name: str) -> None:
    if "sendInitialEvents" in RECORDED[name]["request"]["path"]:
        _needs_watch_lists(place.endpoint)
    outcome = play(place.endpoint, place.known, RECORDED[name])
    assert not outcome.problems, "\n".join(outcome.problems)
