"""One cluster with three objects and six people, and the doings of everybody, in plain verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import User
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.models import Cluster
from apps.inventory import store
from apps.inventory.actions import request_refresh
from apps.pipeline import crashpoints, refresh
from apps.pipeline.crashpoints import Point
from tests.factories import clusters
from tests.factories.inprocess import InProcessCluster
from tests.factories.people import person

NAMESPACE = "shop"
NAMES = ("a", "b", "c")
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
        monkeypatch.setattr(refresh, "open_gateway", lambda cluster: self.sim.opener(cluster))
        monkeypatch.setattr(crashpoints, "reached", self._reached)
        self.cluster: Cluster = clusters.cluster("shop", "production")
        self.people: dict[str, User] = {}
        for name, roles in ROLES.items():
            for role in sorted(roles):
                self.people[name] = person(name, role)
        self.read()

    def begin(self) -> None:
        """A cluster as it was at first. uids and versions are the same every time."""
        self.sim = InProcessCluster(MANIFESTS)
        self._read_at = self.sim.revision
        self.point = self.at_point = None
        store.forget_cached()

    def stumble(self, point: Point | None, lose: str, instead: Callable[[], None] | None) -> None:
        """The next worker dies at the point, or does something else there; and loses that of its write."""
        self.point, self.sim.lose, self.at_point = point, lose, instead

    def user(self, name: str) -> User:
        """The person as a request finds them."""
        return User.objects.get(username=name)

    @property
    def unread(self) -> bool:
        """Whether the cluster moved since it was read."""
        return self.sim.revision != self._read_at

    def read(self) -> None:
        """A reading of the cluster into the inventory."""
        self._read_at = self.sim.revision
        run = request_refresh(actor=None, cluster=self.cluster, trigger="person")
        done = refresh.refresh(run.pk)
        assert done is not None
        assert done.state == "done", done.message
        self.cluster.refresh_from_db()

    def read_anew(self, _: Cluster) -> None:
        """What a verification asks for; a cluster that did not move reads the same."""
        if self.unread:
            self.read()

    def live(self, name: str) -> dict[str, Any] | None:
        answer = self.sim.ask("GET", f"{PATH}/{name}")
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
