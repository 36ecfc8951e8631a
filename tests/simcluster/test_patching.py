"""JSON patch, merge patch and strategic merge on plain objects."""

from typing import Any

import pytest

from apps.simcluster.core_schemas import schema_of
from apps.simcluster.patching import PatchError, json_patch, merge_patch, strategic_merge

POD = schema_of("", "Pod")


def test_a_merge_patch_removes_what_is_null_and_replaces_lists() -> None:
    assert merge_patch({"a": {"b": 1, "c": [1, 2]}}, {"a": {"b": None, "c": [3]}}) == {"a": {"c": [3]}}


def test_a_json_patch_adds_moves_and_tests() -> None:
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/a/0", "value": 1},
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "move", "from": "/b", "path": "/c~1d"},
        {"op": "replace", "path": "/a/0", "value": 9},
    ]
    assert json_patch({"a": [1, 2], "b": "x"}, operations) == {"a": [9, 2, 3], "c/d": "x"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/zzz"},
        {"op": "replace", "path": "/zzz", "value": 1},
        {"op": "frobnicate", "path": "/a"},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "remove"},
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused_and_changes_nothing(operation: dict[str, Any]) -> None:
    target = {"a": 1, "list": [1]}
    with pytest.raises(PatchError):
        json_patch(target, [{"op": "add", "path": "/b", "value": 1}, operation])
    assert target == {"a": 1, "list": [1]}


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


def test_strategic_merge_works_on_items_by_their_key() -> None:
    live = containers({"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"})
    patch = containers({"name": "b", "image": "y:2"}, {"name": "a", "$patch": "delete"}, {"name": "c"})
    assert strategic_merge(live, patch, POD) == containers({"name": "c"}, {"name": "b", "image": "y:2"})


def test_strategic_merge_can_replace_a_list() -> None:
    live = containers({"name": "a"})
    assert strategic_merge(live, containers({"$patch": "replace"}, {"name": "z"}), POD) == containers(
        {"name": "z"}
    )
