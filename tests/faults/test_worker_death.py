"""Whole workers and the broker, killed the hard way in the middle of things."""

from __future__ import annotations

import pytest

from apps.pipeline.crashpoints import Point
from bin.launcher.stack import Stack
from bin.rest_walkthrough import Person
from tests.faults.acting import approve, assert_applied_once, on_cluster, pending, until

pytestmark = pytest.mark.faults


def test_a_worker_that_is_killed_as_a_whole_is_missed_by_nobody(
    stack: Stack, people: dict[str, Person]
) -> None:
    change = pending(people, "whole-worker")
    stack.restart("worker", {"MESHCONSOLE_CRASH_AT": Point.AFTER_WRITE.value})
    approve(people, change)
    until(lambda: "SIGKILL" in stack.log("worker"), "the worker dies")
    stack.kill("worker")
    assert on_cluster(stack, "whole-worker") is not None
    stack.restart("worker")
    assert_applied_once(stack, people, change, "whole-worker")


def test_a_worker_that_dies_again_and_again_holds_nothing_up_once_one_lives(
    stack: Stack, people: dict[str, Person]
) -> None:
    change = pending(people, "poison")
    stack.restart("worker", {"MESHCONSOLE_CRASH_AT": Point.AFTER_CLAIM.value})
    approve(people, change)
    try:
        until(lambda: stack.log("worker").count("SIGKILL") >= 2, "the worker dies twice")
        found = people["proposer"].get(f"changes/{change['id']}/")
        assert found["state"] == "applying"
    finally:
        stack.restart("worker")
    assert_applied_once(stack, people, change, "poison")


def test_a_broker_that_is_away_while_people_approve_loses_nothing(
    stack: Stack, people: dict[str, Person]
) -> None:
    change = pending(people, "no-broker")
    stack.kill("valkey")
    approve(people, change)
    assert people["proposer"].get(f"changes/{change['id']}/")["state"] == "queued"
    stack.restart("valkey")
    assert_applied_once(stack, people, change, "no-broker")
