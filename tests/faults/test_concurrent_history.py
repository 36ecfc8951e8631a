"""Many at once: proposers, two reviewers who disagree, somebody with kubectl, and workers that are killed.

What everybody saw is recorded and checked afterwards against the versions that the cluster had. Bounded by
default, longer with MESHCONSOLE_FAULTS=all.
"""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bin.launcher.stack import Stack
from bin.rest_walkthrough import Person
from tests.faults import table
from tests.faults.acting import AT_WORK, CLUSTER, ENTRY, Control, kill_pool, read_again, until
from tests.faults.conftest import EVERYTHING
from tests.faults.history import History, Version, check, version

pytestmark = pytest.mark.faults
SECONDS = 180 if EVERYTHING else 25
OBJECTS = [f"many-{number}" for number in range(4)]
PATH = "/apis/networking.istio.io/v1/namespaces/default/serviceentries"
LOST = {"kind": "lost-answer", "times": None, "probability": 0.2}
MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(slots=True)
class Scene:
    """What the threads share."""

    stack: Stack
    people: dict[str, Person]
    history: History = field(default_factory=History)
    numbers: list[int] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, who: str, what: str, on: str, path: str, body: Any = None, **headers: str) -> Any:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        http = self.people[who].http
        return self.history.record(
            who, what, on, lambda: http.post(f"/api/v1/{path}", json=body or {}, headers=names)
        )

    def administrator(self) -> httpx.Client:
        known = next(cluster for cluster in self.stack.fleet if cluster["name"] == CLUSTER)
        return httpx.Client(
            base_url=known["url"],
            headers={"Authorization": f"Bearer {known['tokens']['admin']}"},
            verify=ssl.create_default_context(cafile=known["ca_file"]),
            timeout=30,
        )


def proposes(scene: Scene, chance: random.Random) -> None:
    names = chance.sample(OBJECTS, chance.choice([1, 1, 2]))
    hosts = chance.choice(["x", "y", "z"])
    texts = [ENTRY.format(name=name).replace(f"{name}.example", f"{hosts}.{name}.example") for name in names]
    body = {"cluster": CLUSTER, "title": "many", "manifests": "---\n".join(texts), "take_over": True}
    made = scene.ask("proposer", "propose", "", "changes/", body)
    if made:
        scene.numbers.append(made["id"])
        scene.ask("proposer", "submit", str(made["id"]), f"changes/{made['id']}/submit/")
    time.sleep(chance.uniform(0.2, 0.8))


def reviews(who: str) -> Callable[[Scene, random.Random], None]:
    def review(scene: Scene, chance: random.Random) -> None:
        for number in scene.numbers[-6:]:
            with suppress(httpx.HTTPError):
                found = scene.people[who].http.get(f"/api/v1/changes/{number}/").json()
                if found.get("state") == "pending":
                    verb = "reject" if chance.random() < 0.1 else "approve"
                    body, tag = {"comment": "seen"}, f'"{found["digest"]}"'
                    scene.ask(who, verb, str(number), f"changes/{number}/{verb}/", body, If_Match=tag)
        time.sleep(chance.uniform(0.1, 0.4))

    return review


def changes_their_mind(scene: Scene, chance: random.Random) -> None:
    if scene.numbers:
        number = chance.choice(scene.numbers[-4:])
        verb = chance.choice(["cancel", "withdraw"])
        scene.ask("proposer", verb, str(number), f"changes/{number}/{verb}/")
    time.sleep(chance.uniform(1.0, 3.0))


def interferes(scene: Scene, chance: random.Random) -> None:
    """Somebody with kubectl."""
    name, hosts = chance.choice(OBJECTS), [f"rogue.{chance.choice('ab')}.example"]
    with scene.administrator() as http, suppress(httpx.HTTPError):
        if chance.random() < 0.4:
            http.delete(f"{PATH}/{name}")
        else:
            http.patch(f"{PATH}/{name}", json={"spec": {"hosts": hosts}}, headers=MERGE)
    time.sleep(chance.uniform(1.0, 3.0))


def kills(scene: Scene, chance: random.Random) -> None:
    time.sleep(chance.uniform(4.0, 7.0))
    kill_pool(scene.stack)


ACTORS = (
    proposes,
    proposes,
    reviews("approver"),
    reviews("approver2"),
    changes_their_mind,
    interferes,
    kills,
)


def run(scene: Scene, act: Callable[[Scene, random.Random], None], seed: int) -> None:
    chance = random.Random(seed)
    until_then = time.monotonic() + SECONDS
    while time.monotonic() < until_then:
        act(scene, chance)


@contextmanager
def watched(scene: Scene) -> Iterator[None]:
    """Keeps every version of the objects that the cluster tells of, until no more come."""
    with scene.administrator() as http:
        start = http.get(PATH).json()["metadata"]["resourceVersion"]
        watching = threading.Thread(target=_watch, args=(scene, start), daemon=True)
        watching.start()
        yield
        scene.over.set()
        http.post(PATH, json=json.loads(_end()), headers={"Content-Type": "application/json"})
        watching.join(timeout=30)
        assert not watching.is_alive()


def _end() -> str:
    spec = {"hosts": ["end.example"], "resolution": "NONE", "ports": [{"name": "t", "number": 443, "protocol": "TLS"}]}  # fmt: skip # noqa: E501
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry"}
    return json.dumps({**kind, "metadata": {"name": "many-end", "namespace": "default"}, "spec": spec})


def _watch(scene: Scene, start: str) -> None:
    query = {"watch": "1", "resourceVersion": start, "timeoutSeconds": "900"}
    with scene.administrator() as http, http.stream("GET", PATH, params=query, timeout=900) as stream:
        for line in stream.iter_lines():
            seen = version(json.loads(line))
            if seen.name == "many-end":
                return
            scene.versions.append(seen)


def test_whatever_many_do_at_once_every_write_was_approved_and_rests_on_what_was_there(
    stack: Stack, people: dict[str, Person]
) -> None:
    scene = Scene(stack, people)
    seed = random.SystemRandom().randrange(10**6)
    match = {"verb": "apply", "namespace": "default", "name": "many-*", "dry_run": False}
    Control(stack).add({**LOST, "match": match})
    with watched(scene), ThreadPoolExecutor(len(ACTORS)) as pool:
        done = [pool.submit(run, scene, act, seed + index) for index, act in enumerate(ACTORS)]
        for future in done:
            future.result()
        Control(stack).clear()
        until(lambda: not _at_work(scene), "everything comes to rest", 360)
    read_again(people)  # or what was done here would look like the doing of the next test's change
    changes = {number: people["proposer"].get(f"changes/{number}/") for number in scene.numbers}
    writes = check(scene.versions, changes, scene.history)
    table.note(f"history (seed {seed}): {len(changes)} changes, {writes} writes by the console, of")
    table.note(f"  {len(scene.versions)} versions; {scene.history.outcomes()}")
    assert writes, f"nothing was written at all: {scene.history.outcomes()}"


def _at_work(scene: Scene) -> list[int]:
    for service in scene.stack.dead():  # as `make run` and a container's restart policy do
        scene.stack.restart(service.name)
    states = {number: scene.people["proposer"].get(f"changes/{number}/")["state"] for number in scene.numbers}
    return [number for number, state in states.items() if state in AT_WORK | {"validating"}]
