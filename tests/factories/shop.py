"""A small production cluster over TLS, registered and read, with the people who work on it.

Real from end to end: simulated API server, gateway, inventory, analysis. Tests that need a change to be
moved by workers call the worker's functions themselves.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.accounts.actions import grant_role
from apps.accounts.models import Role, User
from apps.changes.actions.approve import approve
from apps.changes.actions.propose_yaml import propose_yaml
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.actions import register_cluster
from apps.clusters.models import Cluster
from apps.inventory import store
from apps.inventory.actions import request_refresh
from apps.pipeline import refresh
from apps.simcluster.access import User as ClusterUser
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet
from apps.simcluster.scenario import load

SCENARIO = Path(__file__).with_name("shop.yaml")
PASSWORD = "correct horse battery staple"
HOME = "speedscale-external-svc-https"

ENTRIES = "/apis/networking.istio.io/v1/namespaces/speedscale/serviceentries"
NEW_PATH = f"{ENTRIES}/speedscale-sts"
HOME_PATH = f"{ENTRIES}/{HOME}"
SIDECAR_PATH = "/apis/networking.istio.io/v1/namespaces/payments/sidecars/default"

NEW_ENTRY = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: speedscale-sts
  namespace: speedscale
spec:
  hosts:
    - sts.amazonaws.com
    - sts.us-east-1.amazonaws.com
  location: MESH_EXTERNAL
  ports:
    - name: tls
      number: 443
      protocol: TLS
  resolution: NONE
"""


SIDECAR = """apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: payments
spec:
  egress:
    - hosts: ["./*", "istio-system/*", "speedscale/*", "catalog/*"]
"""


@dataclass(slots=True)
class Shop:
    """The cluster from both sides, and the cast."""

    sim: SimulatedCluster
    cluster: Cluster
    priya: User  # proposes
    sam: User  # approves
    noor: User  # approves as well
    dev: User  # may only look
    omar: User  # administers and operates

    def refresh(self) -> None:
        """Reads the cluster now."""
        run = request_refresh(actor=None, cluster=self.cluster, trigger="person")
        done = refresh.refresh(run.pk)
        assert done is not None
        assert done.state == "done", done.message
        self.cluster.refresh_from_db()

    def on_cluster(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object in the simulated cluster's own store."""
        resource = next(r for r in self.sim.state.resources() if r.kind == kind)
        return self.sim.store.get(f"{resource.plural}.{resource.group}", namespace, name)

    def live(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """The object in the simulated cluster's own store, where it has to be."""
        found = self.on_cluster(kind, namespace, name)
        assert found is not None, f"{kind} {namespace}/{name} is not on the cluster"
        return found

    def rogue(self, method: str, path: str, body: Any = None, *, kind: str = "merge-patch+json") -> Any:
        """What somebody else does on the cluster, as an administrator, over the API."""
        context = ssl.create_default_context(cadata=self.sim.ca_pem)
        headers = {
            "Authorization": f"Bearer {self.sim.token('rogue')}",
            "Content-Type": f"application/{kind}",
        }
        answer = httpx.request(
            method, f"{self.sim.url}{path}", json=body, headers=headers, verify=context, timeout=10
        )
        assert answer.is_success, answer.text
        return answer.json()

    def proposed(self, text: str = NEW_ENTRY, **words: Any) -> ChangeSet:
        words.setdefault("title", "Open the token service")
        return propose_yaml(actor=self.priya, cluster=self.cluster, text=text, **words)

    def pending(self, text: str = NEW_ENTRY, **words: Any) -> ChangeSet:
        """Proposed, submitted and accepted by the dry run."""
        change = self.proposed(text, **words)
        return self.submitted(change)

    def submitted(self, change: ChangeSet) -> ChangeSet:
        submit(actor=self.priya, change=change)
        assert validate(change_id=change.pk) == State.PENDING, fresh(change).state_message
        return fresh(change)

    def queued(self, text: str = NEW_ENTRY, **words: Any) -> ChangeSet:
        return self.approved(self.pending(text, **words))

    def approved(self, change: ChangeSet) -> ChangeSet:
        """Approved by both, and therefore queued."""
        for reviewer in (self.sam, self.noor):
            if fresh(change).state == State.PENDING:
                decide(reviewer, change)
        assert fresh(change).state == State.QUEUED
        return fresh(change)


def decide(reviewer: User, change: ChangeSet) -> ChangeSet:
    """Approves what is there now."""
    revision = current_revision(fresh(change))
    return approve(actor=reviewer, change=change, revision=revision.number, digest=revision.digest)


def fresh(change: ChangeSet) -> ChangeSet:
    return ChangeSet.objects.get(pk=change.pk)


def items(change: ChangeSet) -> list[ChangeItem]:
    return list(current_revision(fresh(change)).items.order_by("position"))


def person(username: str, *roles: Role) -> User:
    user = User.objects.create_user(username, password=PASSWORD, first_name=username.title())
    for role in roles:
        grant_role(actor=None, role=role, user=user)
    return user


def spec(path: Path = SCENARIO) -> ClusterSpec:
    """The cluster of a scenario file, shop.yaml or one like it."""
    scenario = load(path)
    users = [
        (ClusterUser(u.name, u.name, u.groups, tuple(rule.manifest() for rule in u.rules)), u.token)
        for u in scenario.users
    ]
    return ClusterSpec(
        name=scenario.name,
        manifests=scenario.manifests,
        users=users,
        served=scenario.served_versions,
        writers=scenario.managers,
        git_version=scenario.kubernetes_version,
        behaviour=scenario.behaviour,
    )


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    """A fresh cluster for each test."""
    with opened(spec()) as made:
        yield made


@contextmanager
def opened(cluster_spec: ClusterSpec) -> Iterator[Shop]:
    """The cluster, registered as `shop` and read, with its people."""
    with SimulatedFleet([cluster_spec]) as fleet:
        sim = fleet["shop"]
        omar = person("omar", Role.ADMINISTRATOR, Role.OPERATOR)
        cluster = register_cluster(
            actor=omar,
            name="shop",
            environment="production",
            server=sim.url,
            ca_pem=sim.ca_pem,
            token=sim.token("console"),
        )
        made = Shop(
            sim=sim,
            cluster=cluster,
            priya=person("priya", Role.PROPOSER),
            sam=person("sam", Role.APPROVER),
            noor=person("noor", Role.APPROVER),
            dev=person("dev", Role.VIEWER),
            omar=omar,
        )
        made.refresh()
        yield made
        store.forget_cached()
