"""Watches by themselves: bookmarks, lost history, an end in time."""

import asyncio
import json
from typing import Any

import pytest

from apps.simcluster import watching
from apps.simcluster.cluster import DEFINITIONS, Cluster, new_cluster
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.messages import Request
from apps.simcluster.negotiation import Form
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store


def cluster() -> Cluster:
    return new_cluster("watched", Store(), [])


def config(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "demo"}}


def watch(state: Cluster, **query: str) -> watching.WatchRequest:
    request = Request("GET", "/", {name: [value] for name, value in query.items()}, {})
    return watching.prepare(state, state.find("", "v1", "configmaps"), "v1", "demo", "", Form.JSON, request)


async def collect(request: watching.WatchRequest) -> list[Any]:
    return [json.loads(line) async for line in watching.lines(request)]


def test_an_idle_watch_gets_bookmarks_with_the_revision_of_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_SECONDS", 0.1)
    state = cluster()
    state.store.put("secrets", config("elsewhere"))
    asked = watch(state, allowWatchBookmarks="true", timeoutSeconds="1", resourceVersion="100")
    events = asyncio.run(collect(asked))
    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert events[0]["object"]["metadata"]["resourceVersion"] == str(state.store.revision)


def test_a_watch_that_falls_behind_the_history_is_told_so_and_ended() -> None:
    state = cluster()
    state.store.put("configmaps", config("one"))
    state.store.compact()
    (event,) = asyncio.run(collect(watch(state, resourceVersion="100", timeoutSeconds="5")))
    assert event["type"] == "ERROR"
    assert event["object"]["code"] == 410


def test_changes_from_another_thread_wake_a_watch() -> None:
    state = cluster()

    async def scene() -> list[Any]:
        task = asyncio.create_task(collect(watch(state, resourceVersion="100", timeoutSeconds="1")))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(state.store.put, "configmaps", config("late"))
        return await task

    assert [event["object"]["metadata"]["name"] for event in asyncio.run(scene())] == ["late"]


def test_a_watch_ends_when_the_definition_of_its_kind_goes() -> None:
    state = cluster()
    definition = istio_definitions({"networking.istio.io": ["v1"]})[0]
    seed(state, [definition])
    plural = definition["spec"]["names"]["plural"]
    resource = state.find("networking.istio.io", "v1", plural)
    request = Request("GET", "/", {"resourceVersion": [str(state.store.revision)]}, {})

    async def scene() -> list[Any]:
        asked = watching.prepare(state, resource, "v1", "demo", "", Form.JSON, request)
        task = asyncio.create_task(collect(asked))
        await asyncio.sleep(0.1)
        state.store.remove(DEFINITIONS, "", definition["metadata"]["name"])
        return await asyncio.wait_for(task, 20)

    assert asyncio.run(scene()) == []
