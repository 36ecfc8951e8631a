"""A simulated cluster in this process: the console's own gateway, without sockets and TLS between them.

For tests of many thousand steps. Keeps a journal of every write that had an effect, and can lose the
answer to a write, or the write itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.clusters import gateway as g
from apps.clusters.kube.gateway import APPLY_PATCH, KubeGateway
from apps.clusters.kube.transport import Answer
from apps.simcluster.access import MASTERS, User
from apps.simcluster.cluster import Cluster, new_cluster
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.handling import handle
from apps.simcluster.messages import Request, Response
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store

TOKEN = "in-process-token"
MERGE_PATCH = "application/merge-patch+json"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A request of the console that changed something: what was sent, and whether it was answered."""

    method: str
    path: str
    body: Json
    answered: bool
    cluster: str = "shop"


@dataclass(slots=True)
class InProcessCluster:
    """A cluster with Istio's kinds and the given objects, and what the console did to it."""

    manifests: Sequence[Json]
    name: str = "shop"
    cluster: Cluster = field(init=False)
    journal: list[Write] = field(default_factory=list)
    lose: str = ""  # of the next write: "answer", "request" or nothing

    def __post_init__(self) -> None:
        self.cluster = new_cluster(self.name, Store(), [(TOKEN, User("admin", "admin", (MASTERS,)))])
        seed(self.cluster, [*istio_definitions(), *self.manifests])

    @property
    def revision(self) -> int:
        return self.cluster.store.revision

    def opener(self, _: object) -> g.ClusterGateway:
        """What `open_gateway` gives, for this cluster whichever is asked for."""
        return KubeGateway(_Direct(self))  # type: ignore[arg-type]

    def ask(self, method: str, path: str, body: Any = None, media: str = MERGE_PATCH) -> Response:
        """What somebody else asks, as an administrator; it is in no journal."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = handle(self.cluster, _request(method, path, (), content, media, "kubectl"))
        assert isinstance(answer, Response)
        return answer

    def asked(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: bytes,
        media: str,
        writing: bool,
    ) -> Response:
        """A request of the console. Raises OutcomeUnknownError when it was to be lost."""
        lost, self.lose = (self.lose, "") if writing else ("", self.lose)
        if lost == "request":
            raise g.OutcomeUnknownError("The connection broke before the request arrived.")
        before = self.revision
        answer = handle(self.cluster, _request(method, path, query, content, media, "meshconsole"))
        assert isinstance(answer, Response)
        if self.revision != before:
            assert writing, f"{method} {path} wrote something and was not said to write"
            self.journal.append(Write(method, path, json.loads(content), not lost, self.name))
        if lost:
            raise g.OutcomeUnknownError("The connection broke before the answer came.")
        return answer


class _Direct:
    """In the place of `clusters.kube.transport.Transport`."""

    def __init__(self, cluster: InProcessCluster) -> None:
        self._cluster = cluster

    def close(self) -> None:
        return None

    def hide(self, text: str) -> str:
        return text

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        content_type: str = "application/json",
        writing: bool = False,
        limit: int = 0,
    ) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        found = self._cluster.asked(method, path, query, content, content_type, writing)
        headers = {name.title(): value for name, value in found.headers}
        warnings = tuple(value.split('"')[1] for name, value in found.headers if name.lower() == "warning")
        return Answer(found.status, headers, warnings, found.body)


def _request(
    method: str, path: str, query: Sequence[tuple[str, str]], content: bytes, media: str, agent: str
) -> Request:
    headers = {"authorization": f"Bearer {TOKEN}", "user-agent": f"{agent}/1", "content-type": media}
    return Request(method, path, {name: [value] for name, value in query}, headers, content)


__all__ = ["APPLY_PATCH", "MERGE_PATCH", "TOKEN", "InProcessCluster", "Write"]
