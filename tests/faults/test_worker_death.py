"""Real processes, killed the hard way in the middle of an apply: the effect is there exactly once."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from apps.pipeline.crashpoints import Point
from bin.launcher.stack import Stack
from bin.rest_walkthrough import PEOPLE, Person

pytestmark = pytest.mark.faults
CLUSTER = "staging-eu"
WAIT_SECONDS = 120
ENTRY = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {name}
  namespace: default
spec:
  hosts: [{name}.example]
  location: MESH_EXTERNAL
  ports:
    - name: tls
      number: 443
      protocol: TLS
  resolution: NONE
"""


@pytest.fixture(scope="session")
def people(stack: Stack) -> dict[str, Person]:
    passwords = {login.username: login.password for login in stack.logins}
    return {name: Person(stack.url, name, passwords[name], scopes) for name, scopes in PEOPLE.items()}


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    pytest.fail(f"Waited {WAIT_SECONDS} s in vain: {what}")


def on_cluster(stack: Stack, name: str) -> Any:
    """The object as the cluster's API server gives it to its administrator; None when it is not there."""
    known = next(cluster for cluster in stack.fleet if cluster["name"] == CLUSTER)
    answer = httpx.get(
        f"{known['url']}/apis/networking.istio.io/v1/namespaces/default/serviceentries/{name}",
        headers={"Authorization": f"Bearer {known['tokens']['admin']}"},
        verify=ssl.create_default_context(cafile=known["ca_file"]),
        timeout=10,
    )
    return answer.json() if answer.status_code == 200 else None


def pending(people: dict[str, Person], name: str) -> Any:
    proposer = people["proposer"]
    body = {"cluster": CLUSTER, "title": f"Open {name}", "manifests": ENTRY.format(name=name)}
    number = proposer.post("changes/", body, status=201)["id"]
    proposer.post(f"changes/{number}/submit/")

    def tried() -> Any:
        found = proposer.get(f"changes/{number}/")
        assert found["state"] in {"validating", "pending"}, found["state_message"]
        return found["state"] == "pending" and found

    return until(tried, "the dry run")


def approve(people: dict[str, Person], change: Any) -> None:
    for name in ("approver", "approver2")[: change["policy"]["required"]]:
        people[name].post(f"changes/{change['id']}/approve/", If_Match=f'"{change["digest"]}"')


def settled(people: dict[str, Person], number: int) -> Any:
    def at_rest() -> Any:
        found = people["proposer"].get(f"changes/{number}/")
        return found["state"] not in {"queued", "applying", "verifying"} and found

    return until(at_rest, f"CS-{number} comes to rest")


def assert_applied_once(stack: Stack, people: dict[str, Person], change: Any, name: str) -> None:
    found = settled(people, change["id"])
    assert (found["state"], found["verification"]["confirmed"]) == ("applied", True), found["state_message"]
    live = on_cluster(stack, name)
    assert live["metadata"]["generation"] == 1
    assert live["metadata"]["annotations"]["meshconsole.io/op"] == f"CS-{change['id']}/1/1"
    (item,) = found["items"]
    assert item["written_resource_version"] == live["metadata"]["resourceVersion"]
    events = people["proposer"].get(f"changes/{change['id']}/events/", page_size=200)["results"]
    kinds = [event["kind"] for event in events]
    assert (kinds.count("item_applied"), kinds.count("finish_writes"), kinds.count("confirm")) == (1, 1, 1)


@pytest.mark.parametrize("point", list(Point))
def test_a_worker_that_is_killed_leaves_a_change_that_ends_applied_exactly_once(
    stack: Stack, people: dict[str, Person], point: Point
) -> None:
    name = f"crash-{point.value}"
    change = pending(people, name)
    stack.restart("worker", {"MESHCONSOLE_CRASH_AT": point.value})
    approve(people, change)
    until(lambda: "SIGKILL" in stack.log("worker"), f"the worker dies {point.value}")
    stack.kill("worker")
    written = point in {Point.AFTER_WRITE, Point.BEFORE_VERIFY}
    assert (on_cluster(stack, name) is not None) is written
    stack.restart("worker", {"MESHCONSOLE_CRASH_AT": ""})
    assert_applied_once(stack, people, change, name)


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
        stack.restart("worker", {"MESHCONSOLE_CRASH_AT": ""})
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
