"""What people and the administrator of a cluster do to a running console in the fault tests."""

from __future__ import annotations

import os
import signal
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from bin.launcher.stack import Stack
from bin.rest_walkthrough import Person

CLUSTER = "staging-eu"
WAIT_SECONDS = 120
AT_WORK = {"queued", "applying", "verifying", "paused"}
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


def until(condition: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    pytest.fail(f"Waited {seconds:.0f} s in vain: {what}")


def on_cluster(stack: Stack, name: str, where: str = CLUSTER) -> Any:
    """The object as the cluster's API server gives it to its administrator; None when it is not there."""
    known = next(cluster for cluster in stack.fleet if cluster["name"] == where)
    answer = httpx.get(
        f"{known['url']}/apis/networking.istio.io/v1/namespaces/default/serviceentries/{name}",
        headers={"Authorization": f"Bearer {known['tokens']['admin']}"},
        verify=ssl.create_default_context(cafile=known["ca_file"]),
        timeout=10,
    )
    return answer.json() if answer.status_code == 200 else None


def readable(people: dict[str, Person], *names: str) -> None:
    """Waits until the clusters are read and answer, whatever an earlier test did to them."""
    asking = people["proposer"]
    for name in names:
        asking.post(f"clusters/{name}/refresh/", status=202)

    def healthy() -> bool:
        return all(asking.get(f"clusters/{name}/")["health"] == "healthy" for name in names)

    until(healthy, f"{' and '.join(names)} answer")


def pending(people: dict[str, Person], *names: str, **where: Any) -> Any:
    """A change that creates these objects, tried and waiting for approval."""
    proposer = people["proposer"]
    manifests = "---\n".join(ENTRY.format(name=name) for name in names)
    where = where or {"cluster": CLUSTER}
    body = {**where, "title": f"Open {', '.join(names)}", "manifests": manifests}
    number = proposer.post("changes/", body, status=201)["id"]
    proposer.post(f"changes/{number}/submit/")

    def tried() -> Any:
        found = proposer.get(f"changes/{number}/")
        assert found["state"] in {"validating", "pending"}, found["state_message"]
        return found["state"] == "pending" and found

    return until(tried, "the dry run")


def read_again(people: dict[str, Person]) -> None:
    """Has the console read the cluster as it is now; a reading that was under way may be older than that."""
    viewer = people["proposer"]
    for _ in range(2):
        number = viewer.post(f"clusters/{CLUSTER}/refresh/", status=202)["id"]

        def read(number: int = number) -> bool:
            runs = viewer.get(f"clusters/{CLUSTER}/refresh/", page_size=20)["results"]
            return any(run["id"] == number and run["finished_at"] for run in runs)

        until(read, "the reading of the cluster", 300)


def approve(people: dict[str, Person], change: Any) -> None:
    for name in ("approver", "approver2")[: change["policy"]["required"]]:
        people[name].post(f"changes/{change['id']}/approve/", If_Match=f'"{change["digest"]}"')


def settled(stack: Stack, people: dict[str, Person], number: int) -> Any:
    """The change when nobody works on it any more. What died meanwhile is started again, as `make run` and a
    container's restart policy do: Celery's worker ends when its child is killed while the broker is away."""

    def at_rest() -> Any:
        for service in stack.dead():
            stack.restart(service.name)
        with suppress(httpx.HTTPError):  # the web process may be in trouble as well
            found = people["proposer"].get(f"changes/{number}/")
            return found["state"] not in AT_WORK and found
        return None

    return until(at_rest, f"CS-{number} comes to rest")


def assert_applied_once(stack: Stack, people: dict[str, Person], change: Any, *names: str) -> None:
    """The effect is there exactly once, the console knows it, and the timeline tells it once."""
    found = settled(stack, people, change["id"])
    assert (found["state"], found["verification"]["confirmed"]) == ("applied", True), found["state_message"]
    for position, name in enumerate(names, start=1):
        live = on_cluster(stack, name)
        assert live["metadata"]["generation"] == 1
        assert live["metadata"]["annotations"]["meshconsole.io/op"] == f"CS-{change['id']}/1/{position}"
        item = next(item for item in found["items"] if item["name"] == name)
        assert item["written_resource_version"] == live["metadata"]["resourceVersion"]
    events = people["proposer"].get(f"changes/{change['id']}/events/", page_size=200)["results"]
    kinds = [event["kind"] for event in events]
    once = (kinds.count("item_applied"), kinds.count("finish_writes"), kinds.count("confirm"))
    assert once == (len(names), 1, 1)


@dataclass(frozen=True, slots=True)
class Control:
    """The control API of the simulated clusters."""

    stack: Stack

    def add(self, fault: dict[str, Any]) -> str:
        return str(self._ask("POST", "faults", fault)["id"])

    def hits(self, number: str) -> int:
        return int(self._ask("GET", f"faults/{number}")["hits"])

    def clear(self) -> None:
        self._ask("DELETE", "faults")

    def revoke(self, user: str) -> None:
        self._ask("POST", f"tokens/{user}/revoke")

    def restore(self, user: str) -> None:
        self._ask("POST", f"tokens/{user}/restore")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        known = msgspec.json.decode(self.stack.state.fleet.read_bytes())["control"]
        answer = httpx.request(
            method,
            f"{known['url']}/clusters/{CLUSTER}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {known['token']}"},
            timeout=10,
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


def kill_pool(stack: Stack) -> None:
    """SIGKILL to the processes that carry out tasks; the worker itself starts others."""
    pid = stack.pid("worker")
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
