"""A worker dies where one wave ends and the next begins: every cluster is written once, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.pipeline.crashpoints import Point
from bin.launcher.stack import Stack
from bin.rest_walkthrough import Person
from tests.faults.acting import CLUSTER, approve, on_cluster, pending, readable, settled, until

pytestmark = pytest.mark.faults
FIRST = "lab-us"


@pytest.mark.parametrize("point", [Point.BEFORE_VERIFY, Point.AFTER_VERIFY])
def test_a_worker_that_dies_between_two_waves_loses_and_repeats_nothing(
    stack: Stack, people: dict[str, Person], armed: Path, point: Point
) -> None:
    name = f"boundary-{point.value}"
    plan = {"waves": [[FIRST], [CLUSTER]]}
    readable(people, FIRST, CLUSTER)
    change = pending(people, name, clusters=[FIRST, CLUSTER], plan=plan)
    assert change["left_out"] == []
    (armed / point.value).touch()
    approve(people, change)
    until(lambda: not (armed / point.value).exists(), f"a worker dies {point.value}")
    found = settled(stack, people, change["id"])
    assert found["state"] == "applied", found["state_message"]
    assert [wave["stage"] for wave in found["waves"]] == ["done", "done"]
    for cluster in (FIRST, CLUSTER):
        assert on_cluster(stack, name, cluster)["metadata"]["generation"] == 1
    events = people["proposer"].get(f"changes/{change['id']}/events/", page_size=200)["results"]
    steps = {"item_applied", "finish_writes", "pause", "next_wave", "confirm"}
    assert [event["kind"] for event in events if event["kind"] in steps] == [
        *("item_applied", "finish_writes", "pause", "next_wave"),
        *("item_applied", "finish_writes", "confirm"),
    ]
