"""The store: revisions, history, and what is left after the process is gone."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.simcluster.journal import Journal
from apps.simcluster.store import EventType, Expired, Store

KEY = "configmaps"


def config(name: str, value: str = "1", namespace: str = "demo") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": {"a": value}}


def names(found: list[Any]) -> list[str]:
    return [item.name for item in found]


def test_every_write_has_a_later_revision_and_is_kept_in_the_history() -> None:
    store = Store()
    start = store.revision
    first, second = store.put(KEY, config("one")), store.put(KEY, config("one", "2"))
    last = store.remove(KEY, "demo", "one")
    assert last is not None
    assert start < first.revision < second.revision < last.revision
    events = store.since(KEY, start)
    assert [event.type for event in events] == [EventType.ADDED, EventType.MODIFIED, EventType.DELETED]
    assert events[2].last is not None
    assert events[2].last.object()["data"] == {"a": "2"}
    assert store.get(KEY, "demo", "one") is None


def test_a_list_can_be_had_as_it_was() -> None:
    store = Store()
    store.put(KEY, config("a"))
    store.put(KEY, config("b"))
    then = store.revision
    store.remove(KEY, "demo", "a")
    store.put(KEY, config("b", "changed"))
    store.put(KEY, config("c"))
    assert names(store.at(KEY, then)) == ["a", "b"]
    assert store.at(KEY, then)[1].object()["data"] == {"a": "1"}
    assert names(store.each(KEY)) == ["b", "c"]


def test_history_is_bounded_and_says_so() -> None:
    store = Store(history=2)
    start = store.revision
    for name in "abc":
        store.put(KEY, config(name))
    with pytest.raises(Expired):
        store.since(KEY, start)
    with pytest.raises(Expired):
        store.at(KEY, start)
    assert len(store.since(KEY, start + 1)) == 2


def test_objects_come_in_the_order_of_their_keys() -> None:
    store = Store()
    for namespace in ("b", "a", "a-b"):
        store.put(KEY, config("x", namespace=namespace))
    assert [item.namespace for item in store.each(KEY)] == ["a-b", "a", "b"]


def test_one_namespace_can_be_had_without_its_neighbours() -> None:
    store = Store()
    for namespace in ("shop", "shop-eu", "sho", "shop0"):
        store.put("configmaps", {"metadata": {"name": "b", "namespace": namespace}})
        store.put("configmaps", {"metadata": {"name": "a", "namespace": namespace}})
    assert [item.key for item in store.within("configmaps", "shop")] == ["shop/a", "shop/b"]
    assert store.within("configmaps", "nowhere") == []


def test_a_journal_gives_back_objects_and_goes_on_counting(tmp_path: Path) -> None:
    store = Store(Journal(tmp_path / "store.sqlite3"))
    store.put(KEY, config("kept"))
    store.put(KEY, config("gone"))
    store.remove(KEY, "demo", "gone")
    last = store.revision  # no close: as after kill -9
    again = Store(Journal(tmp_path / "store.sqlite3"))
    assert names(again.each(KEY)) == ["kept"]
    assert again.revision == last
    assert again.put(KEY, config("new")).revision == last + 1
    with pytest.raises(Expired):
        again.since(KEY, last - 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "remove"])), max_size=30))
def test_any_moment_can_be_had_again_and_any_watcher_catches_up(writes: list[tuple[str, str]]) -> None:
    store = Store()
    moments: dict[int, dict[str, bytes]] = {store.revision: {}}
    for number, (name, kind) in enumerate(writes):
        if kind == "put":
            store.put(KEY, config(name, str(number)))
        else:
            store.remove(KEY, "demo", name)
        moments[store.revision] = {item.key: item.body for item in store.each(KEY)}
    for revision, state in moments.items():
        assert {item.key: item.body for item in store.at(KEY, revision)} == state
        caught_up = dict(state)
        for event in store.since(KEY, revision):
            if event.after is None:
                del caught_up[event.key]
            else:
                caught_up[event.key] = event.after.body
        assert caught_up == moments[store.revision]


def test_a_listener_hears_of_its_resources_only_until_it_stops() -> None:
    store, heard = Store(), list[str]()
    stop = store.listen(lambda: heard.append("change"), KEY, "secrets")
    store.put("pods", config("one"))
    assert heard == []
    store.put(KEY, config("one"))
    store.remove(KEY, "demo", "one")
    store.put("secrets", config("two"))
    assert len(heard) == 3
    stop()
    store.put(KEY, config("one"))
    assert len(heard) == 3
