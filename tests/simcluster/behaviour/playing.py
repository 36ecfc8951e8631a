"""A small cluster whose time stands still until a test moves it, with its controllers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from apps.simcluster.access import MASTERS, User
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.cluster import new_cluster
from apps.simcluster.controllers import Controllers, settle
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.handling import handle
from apps.simcluster.messages import Request, Response, parse_query
from apps.simcluster.scenario import Scenario
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store

Json = dict[str, Any]
APPS = "/apis/apps/v1/namespaces/shop"
CORE = "/api/v1/namespaces/shop"
BATCH = "/apis/batch/v1/namespaces/shop"
START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def node(name: str, *, ready: bool = True) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"10.12.0.{len(name)}"}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def template(app: str, image: str = "shop/cart:1", **spec: Any) -> Json:
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "app", "image": image}], **spec},
    }


def workload(kind: str, name: str = "cart", **spec: Any) -> Json:
    body = {"selector": {"matchLabels": {"app": name}}, "template": template(name), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body}


class Play:
    """The cluster under test. What a client does goes through the API; `run` lets time pass."""

    def __init__(
        self, nodes: Sequence[Json] = (), store: Store | None = None, scenario: Scenario | None = None
    ) -> None:
        self.time = START
        self.cluster = new_cluster("play", store or Store(), [("token", User("admin", "admin", (MASTERS,)))])
        self.cluster.now = lambda: self.time
        resume = not self.cluster.store.empty
        if scenario:
            definitions = istio_definitions(scenario.served_versions)
            seed(self.cluster, [*definitions, *scenario.manifests], scenario.managers)
            settle(self.cluster)
        elif not resume:
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
            seed(self.cluster, [space, *(nodes or [node("one"), node("second")])])
        self.controllers = Controllers(self.cluster, Behaviour(workloads=True), resume=resume)

    def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Json:
        """What the server answers; a refusal is a failed test."""
        status, answer = self.try_to(method, path, body, media)
        assert status < 300, answer
        return answer

    def try_to(
        self, method: str, path: str, body: Any = None, media: str = "application/json"
    ) -> tuple[int, Json]:
        path, _, query = path.partition("?")
        headers = {"authorization": "Bearer token", "content-type": media, "user-agent": "kubectl/v1"}
        data = b"" if body is None else msgspec.json.encode(body)
        answer = handle(self.cluster, Request(method, path, parse_query(query), headers, data))
        assert isinstance(answer, Response)
        found: Json = msgspec.json.decode(answer.body)
        return answer.status, found

    def make(self, obj: Json) -> Json:
        plural = obj["kind"].lower() + "s"
        base = {"apps/v1": APPS, "batch/v1": BATCH, "v1": CORE}[obj["apiVersion"]]
        return self.ask("POST", f"{base}/{plural}", obj)

    def patch(self, path: str, change: Json) -> Json:
        return self.ask("PATCH", path, change, "application/merge-patch+json")

    def image(self, path: str, image: str) -> Json:
        """What `kubectl set image` does."""
        change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
        return self.ask("PATCH", path, change, "application/strategic-merge-patch+json")

    def tick(self) -> None:
        """One round of the controllers at this moment, until they have nothing to do now."""
        for _ in range(200):
            before = self.cluster.store.revision
            self.controllers.tick()
            if self.cluster.store.revision == before and not self.controllers.busy:
                return
        raise AssertionError("the controllers do not come to rest")

    def run(self, seconds: float = 60, step: float = 0.5) -> None:
        """Let time pass."""
        ends = self.time + timedelta(seconds=seconds)
        self.tick()
        while self.time < ends:
            self.time += timedelta(seconds=step)
            self.tick()

    def items(self, path: str) -> list[Json]:
        found: list[Json] = self.ask("GET", path)["items"]
        return found

    def pods(self) -> list[Json]:
        return self.items(f"{CORE}/pods")


def condition(obj: Json, kind: str) -> Json | None:
    rows = obj["status"].get("conditions") or ()
    return next((row for row in rows if row["type"] == kind), None)


def images(pods: Sequence[Json]) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in pods)
