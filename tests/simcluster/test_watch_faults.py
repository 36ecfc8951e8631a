"""Faults of watches, as a client that watches over TLS sees them."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apps.simcluster import watching
from apps.simcluster.faults import Fault, FaultKind
from apps.simcluster.fleet import SimulatedCluster
from tests.factories.fleet import client

MAPS = "/api/v1/namespaces/default/configmaps"
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def revision(sim: SimulatedCluster) -> Iterator[str]:
    """Four ConfigMaps were created since this revision."""
    before = sim.store.revision
    for name in NAMES:
        sim.store.put("configmaps", {"metadata": {"name": name, "namespace": "default"}})
    yield str(before)
    for name in NAMES:
        sim.store.remove("configmaps", "default", name)


def watched(sim: SimulatedCluster, **query: str) -> list[Any]:
    """The events of a watch of one second, until it ends."""
    params = {"watch": "true", "timeoutSeconds": "1", **query}
    with client(sim) as http, http.stream("GET", MAPS, params=params) as answer:
        return [json.loads(line) for line in answer.iter_lines()]


def names(events: list[Any]) -> list[str]:
    return [event["object"]["metadata"]["name"] for event in events if event["type"] == "ADDED"]


def test_without_a_fault_every_event_comes_once_and_in_order(sim: SimulatedCluster, revision: str) -> None:
    assert names(watched(sim, resourceVersion=revision)) == list(NAMES)


def test_events_are_duplicated_after_those_that_come_as_usual(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.WATCH_DUPLICATED, events=2))
    assert names(watched(sim, resourceVersion=revision)) == ["a", "b", "c", "c", "d", "d"]
    assert names(watched(sim, resourceVersion=revision)) == list(NAMES), "one watch is hit"


def test_events_are_reordered_in_pairs_and_none_is_lost(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.WATCH_REORDERED, events=1))
    assert names(watched(sim, resourceVersion=revision)) == ["a", "c", "b", "d"]


def test_a_dropped_event_ends_the_watch_with_410(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.WATCH_DROPPED, events=2))
    *events, last = watched(sim, resourceVersion=revision)
    assert names(events) == ["a", "b"]
    assert (last["type"], last["object"]["code"], last["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert last["object"]["message"].startswith("too old resource version: ")


def test_a_watch_is_closed_after_so_many_events_or_at_once(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.WATCH_CLOSED, events=3))
    assert names(watched(sim, resourceVersion=revision, timeoutSeconds="60")) == ["a", "b", "c"]
    sim.faults.add(Fault(FaultKind.WATCH_CLOSED))
    assert watched(sim, resourceVersion=revision, timeoutSeconds="60") == []


def test_a_watch_is_closed_after_seconds(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.WATCH_CLOSED, seconds=0.5))
    started = time.monotonic()
    assert names(watched(sim, resourceVersion=revision, timeoutSeconds="60")) == list(NAMES)
    assert 0.5 <= time.monotonic() - started < 5


@pytest.mark.parametrize("kind", [FaultKind.STALLED, FaultKind.DRIP])
def test_a_slow_watch_brings_every_event_whole(sim: SimulatedCluster, revision: str, kind: FaultKind) -> None:
    sim.faults.add(Fault(kind, events=1, seconds=0.05, piece=60))
    assert names(watched(sim, resourceVersion=revision)) == list(NAMES)


def test_bookmarks_are_withheld_the_initial_one_too(
    sim: SimulatedCluster, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_SECONDS", 0.1)
    wanted = {
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
    }
    assert len([e for e in watched(sim, **wanted) if e["type"] == "BOOKMARK"]) > 1
    sim.faults.add(Fault(FaultKind.WATCH_NO_BOOKMARKS))
    events = watched(sim, **wanted)
    assert {event["type"] for event in events} == {"ADDED"}
    assert set(NAMES) <= set(names(events))


def test_a_watch_breaks_off_in_the_middle_of_an_event(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.TRUNCATED, events=1))
    received: list[bytes] = []
    params = {"watch": "true", "resourceVersion": revision}
    with (
        client(sim) as http,
        http.stream("GET", MAPS, params=params) as answer,
        pytest.raises(httpx.TransportError),
    ):
        received.extend(answer.iter_raw())
    whole, rest = b"".join(received).split(b"\n")
    assert json.loads(whole)["object"]["metadata"]["name"] == "a"
    assert rest.startswith(b'{"type":"ADDED"')


def test_the_answer_to_a_watch_gets_lost(sim: SimulatedCluster, revision: str) -> None:
    sim.faults.add(Fault(FaultKind.LOST_ANSWER))
    with pytest.raises(httpx.TransportError):
        watched(sim, resourceVersion=revision)
    assert names(watched(sim, resourceVersion=revision)) == list(NAMES)


def test_faults_of_watches_leave_everything_else_alone(sim: SimulatedCluster) -> None:
    planned = sim.faults.add(Fault(FaultKind.WATCH_DROPPED))
    with client(sim) as http:
        assert http.get(MAPS).status_code == 200
    assert planned.matched == 0
