"""Talks to a cluster without a network: one function for a request, and what is there after it.

It knows paths and bodies, and none of the rules that are tested with it.
"""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.simcluster.access import MASTERS, User
from apps.simcluster.cluster import Cluster, new_cluster
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.handling import handle
from apps.simcluster.kinds import Resource
from apps.simcluster.messages import Request, Response
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store
from apps.simcluster.watching import WatchRequest, lines

Json = dict[str, Any]
TOKEN = "admin-token"
NAMESPACE = "shop"
JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind is served."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    custom: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{NAMESPACE}/{self.plural}"


ISTIO = "networking.istio.io"
SERVICE_ENTRY = Kind("ServiceEntry", "serviceentries", ISTIO, custom=True)
SIDECAR = Kind("Sidecar", "sidecars", ISTIO, custom=True)
CONFIG_MAP = Kind("ConfigMap", "configmaps")
SERVICE = Kind("Service", "services")
DEPLOYMENT = Kind("Deployment", "deployments", "apps")
KINDS = (SERVICE_ENTRY, SIDECAR, CONFIG_MAP, SERVICE, DEPLOYMENT)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any

    @property
    def done(self) -> bool:
        return self.status < 300


class Api:
    """A cluster with one namespace and Istio's kinds, asked as its administrator."""

    def __init__(self) -> None:
        self.cluster: Cluster = new_cluster("driven", Store(), [(TOKEN, User("admin", "admin", (MASTERS,)))])
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.cluster.now = lambda: self.time
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        seed(self.cluster, [*istio_definitions(), namespace])

    def tick(self) -> None:
        """Let a second go by; otherwise time stands still, so that every run is like the other."""
        self.time += timedelta(seconds=1)

    def resource(self, kind: Kind) -> Resource:
        return self.cluster.find(kind.group, kind.version, kind.plural)

    @property
    def revision(self) -> int:
        return self.cluster.store.revision

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media: str = JSON,
        agent: str = "admin",
        **query: str,
    ) -> Answer:
        """The answer to a request; `query` is one value a parameter."""
        found = handle(self.cluster, _request(method, path, body, media, agent, query))
        assert isinstance(found, Response)
        return Answer(found.status, json.loads(found.body) if found.body else None)

    def objects(self, kind: Kind, **query: str) -> list[Json]:
        answer = self.ask("GET", kind.path, **query)
        assert answer.done, answer.body
        items: list[Json] = answer.body["items"]
        return [{**item, "apiVersion": kind.api_version, "kind": kind.name} for item in items]

    def everything(self) -> dict[tuple[str, str], Json]:
        """All objects by kind and name."""
        return {(kind.name, item["metadata"]["name"]): item for kind in KINDS for item in self.objects(kind)}

    def watched(self, kind: Kind, revision: int, labels: str, last: str) -> list[Json]:
        """The events of a watch from a revision up to the one that adds the object `last`."""
        query = {"watch": "1", "resourceVersion": str(revision), "labelSelector": labels}
        watch = handle(self.cluster, _request("GET", kind.path, None, JSON, "admin", query))
        assert isinstance(watch, WatchRequest)
        return asyncio.run(_collect(replace(watch, timeout=30.0), last))


def _request(method: str, path: str, body: Any, media: str, agent: str, query: dict[str, str]) -> Request:
    headers = {"authorization": f"Bearer {TOKEN}", "user-agent": f"{agent}/1", "content-type": media}
    content = b"" if body is None else json.dumps(body).encode()
    return Request(method, path, {name: [value] for name, value in query.items()}, headers, content)


async def _collect(watch: WatchRequest, last: str) -> list[Json]:
    events: list[Json] = []
    async with aclosing(lines(watch)) as stream:  # type: ignore[type-var]
        async for line in stream:
            events.append(json.loads(line))
            if events[-1]["object"]["metadata"]["name"] == last:
                break
    return events
