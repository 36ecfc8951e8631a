"""A worker dies at every point of an apply, and something else goes wrong as well: the effect is there once.

Each cell kills the process that carries the task out (SIGKILL), at a point, once, and adds a trouble. A part
of the matrix is tried by default, all of it with MESHCONSOLE_FAULTS=all (`make faults ALL=1`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from celery import Celery

from apps.pipeline.crashpoints import Point
from bin.launcher.stack import Stack
from bin.postgres import TemporaryPostgres
from bin.rest_walkthrough import Person
from meshconsole.settings.queues import SCHEDULE, broker_url
from tests.faults import table
from tests.faults.acting import Control, approve, assert_applied_once, kill_pool, pending, settled, until
from tests.faults.conftest import EVERYTHING, LEASE_SECONDS

pytestmark = pytest.mark.faults
DURING_WRITE = "during-write"  # the request has arrived, its answer has not
POINTS = [*(point.value for point in Point), DURING_WRITE]
# Beyond lease and sweep: the second object, reading the cluster twice, and a busy machine.
SLACK_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What a trouble may lay hands on."""

    stack: Stack
    database: TemporaryPostgres | None
    number: int


def _again(scene: Scene) -> None:
    """Every message of the change comes three times more."""
    app = Celery(broker=broker_url(scene.stack.environment["REDIS_URL"]))
    for task in ("pipeline.apply_change", "pipeline.verify_change") * 3:
        app.send_task(task, kwargs={"change_id": scene.number}, queue="apply")
    app.close()


def _fault(**fault: object) -> Callable[[Scene], None]:
    match = {"verb": "apply", "namespace": "default", "dry_run": False}

    def plan(scene: Scene) -> None:
        Control(scene.stack).add({"match": match, **fault})

    return plan


def _broker(scene: Scene) -> None:
    scene.stack.kill("valkey")
    scene.stack.restart("valkey")


def _cluster(scene: Scene) -> None:
    scene.stack.kill("simcluster")
    scene.stack.restart("simcluster")


def _database(scene: Scene) -> None:
    assert scene.database is not None
    scene.database.restart()


def _nothing(_: Scene) -> None:
    """Only the crash."""


# Before the approval, or after the crash: a name, and what is done.
BEFORE: dict[str, Callable[[Scene], None]] = {
    "lost answer": _fault(kind="lost-answer"),
    "connection reset": _fault(kind="reset"),
    "429": _fault(kind="status", status=429, retry_after=1, times=2),
    "500": _fault(kind="status", status=500, times=2),
}
AFTER: dict[str, Callable[[Scene], None]] = {
    "nothing else": _nothing,
    "messages again": _again,
    "broker restart": _broker,
    "cluster restart": _cluster,
    "database restart": _database,
}
TROUBLES = [name for name in (*AFTER, *BEFORE) if EVERYTHING or name != "database restart"]
# By default: every point alone, and every trouble at the point where it hurts most.
CHOSEN = [
    *((point, "nothing else") for point in POINTS),
    ("after-intent", "lost answer"),
    ("after-intent", "connection reset"),
    ("after-write", "messages again"),
    ("after-write", "cluster restart"),
    ("after-record", "broker restart"),
]
CELLS = [(point, trouble) for point in POINTS for trouble in TROUBLES] if EVERYTHING else CHOSEN


def crash(stack: Stack, armed: Path, point: str, approved: Callable[[], None]) -> None:
    """Has the change approved and the worker die at the point."""
    if point == DURING_WRITE:
        fault = _stalled(stack)
        approved()
        until(lambda: Control(stack).hits(fault), "the write arrives")
        kill_pool(stack)
        return
    (armed / point).touch()
    approved()
    until(lambda: not (armed / point).exists(), f"a worker dies {point}")


def _stalled(stack: Stack) -> str:
    match = {"verb": "apply", "namespace": "default", "dry_run": False}
    return Control(stack).add({"kind": "stalled", "match": match})


@pytest.mark.parametrize(("point", "trouble"), CELLS)
def test_a_change_ends_applied_exactly_once(
    stack: Stack,
    people: dict[str, Person],
    database: TemporaryPostgres | None,
    armed: Path,
    point: str,
    trouble: str,
) -> None:
    cell = f"{POINTS.index(point)}-{TROUBLES.index(trouble)}"
    names = (f"cell-{cell}-a", f"cell-{cell}-b")
    change = pending(people, *names)
    scene = Scene(stack, database, change["id"])
    BEFORE.get(trouble, _nothing)(scene)
    crash(stack, armed, point, lambda: approve(people, change))
    AFTER.get(trouble, _nothing)(scene)
    began = time.monotonic()
    found = settled(stack, people, change["id"])
    seconds = time.monotonic() - began
    Control(stack).clear()
    attempts = 0
    with suppress(httpx.HTTPError):
        events = people["proposer"].get(f"changes/{change['id']}/events/", page_size=200)["results"]
        attempts = [event["kind"] for event in events].count("claim")
    table.add(point, trouble, found["state"], attempts, seconds)
    assert_applied_once(stack, people, change, *names)
    assert seconds <= LEASE_SECONDS + SCHEDULE["pipeline.recover_stuck"] + SLACK_SECONDS
