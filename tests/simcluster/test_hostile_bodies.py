"""No body makes the server fail: recorded requests, parts of them replaced by what does not belong there."""

import copy
import json
import random
from typing import Any

import pytest

from apps.simcluster.access import MASTERS, User
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.cluster import Cluster, new_cluster
from apps.simcluster.controllers import Controllers
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.handling import handle
from apps.simcluster.messages import Request, Response, parse_query
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store
from tests.cluster_contract.replay import cases

JUNK: list[Any] = [
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "x",
    [],
    {},
    [None],
    [1],
    [{}],
    {"a": None},
    {"": {}},
    {"a": {"b": []}},
    "0",
    "*",
]
GROUPS = ("crud", "ssa", "generation", "fieldvalidation", "validation", "delete", "auth", "odd", "list")
PATCHES = ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")
ROUNDS = 1500


def request(recorded: dict[str, Any], body: Any, media: str = "") -> Request:
    path, _, query = recorded["path"].partition("?")
    headers = {"authorization": "Bearer token", "user-agent": "hostile"}
    media = media or recorded.get("headers", {}).get("Content-Type", "") or "application/json"
    data = b"" if body is None else (body.encode() if isinstance(body, str) else json.dumps(body).encode())
    return Request(recorded["method"], path, parse_query(query), {**headers, "content-type": media}, data)


def spoiled(body: Any, chance: random.Random) -> Any:
    """A copy with one to three parts replaced."""
    body = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        here = body
        while isinstance(here, (dict, list)) and here:
            keys: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = chance.choice(keys)
            if chance.random() < 0.35 or not isinstance(here[key], (dict, list)):
                here[key] = copy.deepcopy(chance.choice(JUNK))
                break
            here = here[key]
    return body


@pytest.fixture
def cluster() -> Cluster:
    state = new_cluster("hostile", Store(), [("token", User("admin", "admin", (MASTERS,)))])
    names = ("demo", "lists", "shop", "watch")
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
    seed(state, [*istio_definitions(), *spaces])
    for group in ("crud", "ssa"):
        for case in cases(group):
            if case["request"]["method"] != "DELETE":
                handle(state, request(case["request"], case["request"].get("body")))
    return state


@pytest.mark.parametrize("start", [1, 2])
def test_every_spoiled_request_gets_an_answer(cluster: Cluster, start: int) -> None:
    chance = random.Random(start)
    recorded = [case["request"] for group in GROUPS for case in cases(group) if case["request"].get("body")]
    controllers = Controllers(cluster, Behaviour(workloads=True))
    answered = 0
    for number in range(ROUNDS):
        asked = chance.choice(recorded)
        media = f"application/{chance.choice(PATCHES)}" if asked["method"] == "PATCH" else ""
        answer = handle(cluster, request(asked, spoiled(asked["body"], chance), media))
        assert isinstance(answer, Response)
        assert 200 <= answer.status < 600
        answered += 1
        if number % 300 == 0:
            controllers.tick()
    assert answered == ROUNDS
