"""Two clusters with three objects each and six people, and the doings of everybody, in plain verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import User
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.gateway import ClusterGateway
from apps.clusters.models import Cluster
from apps.inventory import store
from apps.inventory.actions import request_refresh
from apps.pipeline import crashpoints, refresh
from apps.pipeline.crashpoints import Point
from tests.factories import clusters
from tests.factories.inprocess import InProcessCluster, Write
from tests.factories.people import person

NAMESPACE = "shop"
NAMES = ("a", "b", "c")
CLUSTERS = {"early": "staging", "shop": "production"}
PATH = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/serviceentries"
ROLES = {
    "ann": {"proposer", "approver", "operator"},
    "ben": {"proposer", "approver"},
    "cem": {"approver"},
    "dee": {"approver"},
    "eli": {"approver", "operator"},
    "fay": {"administrator"},
}


class Killed(BaseException):
    """A worker that dies here and now: nothing catches it, as nothing catches SIGKILL."""


def entry(name: str, hosts: tuple[str, ...]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "hosts": list(hosts),
            "location": "MESH_EXTERNAL",
            "ports": [{"name": "tls", "number": 443, "protocol": "TLS"}],
            "resolution": "NONE",
        },
    }


MANIFESTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    entry("a", ("one.example",)),
]


class World:
    """Database rows are made once; `begin` gives every history a cluster that reads like them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.point: Point | None = None
        self.at_point: Callable[[], None] | None = None
        self.begin()
        monkeypatch.setattr(refresh, "open_gateway", self.opener)
        monkeypatch.setattr(crashpoints, "reached", self._reached)
        self.clusters = {name: clusters.cluster(name, where) for name, where in CLUSTERS.items()}
        self.people: dict[str, User] = {}
        for name, roles in ROLES.items():
            for role in sorted(roles):
                self.people[name] = person(name, role)
        for cluster in self.clusters.values():
            self.read(cluster)

    def begin(self) -> None:
        """The clusters as they were at first. uids and versions are the same every time."""
        self.journal: list[Write] = []  # of both, in the order of writing
        self.sims = {name: InProcessCluster(MANIFESTS, name, journal=self.journal) for name in CLUSTERS}
        self._read_at = {name: sim.revision for name, sim in self.sims.items()}
        self.point = self.at_point = None
        store.forget_cached()

    def stumble(self, point: Point | None, lose: str, instead: Callable[[], None] | None) -> None:
        """The next worker dies at the point, or does something else there; and loses that of its write."""
        self.point, self.at_point = point, instead
        for sim in self.sims.values():
            sim.lose = lose

    def opener(self, cluster: Cluster) -> ClusterGateway:
        """In the place of `open_gateway`."""
        return self.sims[cluster.name].opener(cluster)

    def user(self, name: str) -> User:
        """The person as a request finds them."""
        return User.objects.get(username=name)

    @property
    def revision(self) -> int:
        """Moves with every write on one of the clusters."""
        return sum(sim.revision for sim in self.sims.values())

    @property
    def unread(self) -> list[Cluster]:
        """The clusters that moved since they were read."""
        return [self.clusters[name] for name, sim in self.sims.items() if sim.revision != self._read_at[name]]

    def read(self, cluster: Cluster) -> None:
        """A reading of the cluster into the inventory."""
        self._read_at[cluster.name] = self.sims[cluster.name].revision
        run = request_refresh(actor=None, cluster=cluster, trigger="person")
        done = refresh.refresh(run.pk)
        assert done is not None
        assert done.state == "done", done.message
        cluster.refresh_from_db()

    def read_anew(self, cluster: Cluster) -> None:
        """What a verification asks for; a cluster that did not move reads the same."""
        if cluster in self.unread:
            self.read(self.clusters[cluster.name])

    def live(self, cluster: str, name: str) -> dict[str, Any] | None:
        answer = self.sims[cluster].ask("GET", f"{PATH}/{name}")
        return json.loads(answer.body) if answer.status == 200 else None

    def _reached(self, point: Point) -> None:
        if point is self.point:
            self.point = None
            if self.at_point is None:
                raise Killed
            self.at_point()


def fresh(change: ChangeSet) -> ChangeSet:
    return ChangeSet.objects.get(pk=change.pk)


def items_of(change: ChangeSet) -> list[ChangeItem]:
    return list(current_revision(fresh(change)).items.order_by("position"))
