"""Three clusters in this process, lab, staging and production, each of them the shop, and the people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Role, User
from apps.changes.actions.propose import propose
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.waves import Plan
from apps.clusters.gateway import ClusterGateway, UnreachableError
from apps.clusters.models import Cluster
from apps.inventory import store
from apps.inventory.actions import request_refresh
from apps.pipeline import refresh
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from apps.simcluster.scenario import load
from tests.factories import clusters
from tests.factories.inprocess import InProcessCluster
from tests.factories.shop import NEW_ENTRY, NEW_PATH, SCENARIO, decide, fresh, person

RINGS = {"lab": "lab", "stage": "staging", "prod": "production"}
PORT = {"name": "tls", "number": 443, "protocol": "TLS"}
IN_ORDER = (("lab",), ("stage",), ("prod",))


@dataclass(slots=True)
class Rings:
    """`down` are clusters that give no answer now."""

    sims: dict[str, InProcessCluster]
    clusters: dict[str, Cluster]
    priya: User  # proposes
    sam: User  # approves
    noor: User  # approves as well
    omar: User  # administers and operates
    down: set[str] = field(default_factory=set)

    def opener(self, cluster: Cluster) -> AbstractContextManager[ClusterGateway]:
        if cluster.name in self.down:
            raise UnreachableError(f"{cluster.name} gives no answer.")
        return self.sims[cluster.name].opener(cluster)

    def read(self, *names: str) -> None:
        for name in names or tuple(RINGS):
            done = refresh.refresh(
                request_refresh(actor=None, cluster=self.clusters[name], trigger="person").pk
            )
            assert done is not None
            assert done.state == "done", done.message
            self.clusters[name].refresh_from_db()

    def proposed(self, plan: Plan, names: Sequence[str] = tuple(RINGS), text: str = NEW_ENTRY) -> ChangeSet:
        patches = {self.clusters[name]: patches_from(text, self.clusters[name]) for name in names}
        return propose(actor=self.priya, title="Open it", reason="", patches=patches, plan=plan)

    def pending(self, plan: Plan, **words: Any) -> ChangeSet:
        return self.submitted(self.proposed(plan, **words))

    def submitted(self, change: ChangeSet) -> ChangeSet:
        submit(actor=self.priya, change=change)
        assert validate(change_id=change.pk, opener=self.opener) == State.PENDING, fresh(change).state_message
        return fresh(change)

    def queued(self, plan: Plan, **words: Any) -> ChangeSet:
        return self.approved(self.pending(plan, **words))

    def approved(self, change: ChangeSet) -> ChangeSet:
        for reviewer in (self.sam, self.noor):
            if fresh(change).state == State.PENDING:
                decide(reviewer, change)
        assert fresh(change).state == State.QUEUED
        return fresh(change)

    def write(self, change: ChangeSet) -> State | None:
        """One worker's go, whatever lease an earlier one left."""
        ChangeSet.objects.filter(pk=change.pk).update(lease_until=None)
        return apply_change(change.pk, opener=self.opener, sleep=lambda _: None)

    def verify(self, change: ChangeSet) -> State | None:
        ChangeSet.objects.filter(pk=change.pk).update(lease_until=None)
        return verify_change(change.pk, refresher=lambda cluster: self.read(cluster.name), opener=self.opener)

    def wave(self, change: ChangeSet) -> State:
        """Writes and verifies the wave that comes."""
        self.write(change)
        self.verify(change)
        return State(fresh(change).state)

    def written(self) -> list[str]:
        """The clusters on which the new entry is."""
        return [name for name in RINGS if self.live(name) is not None]

    def live(self, name: str, path: str = NEW_PATH) -> Any:
        answer = self.sims[name].ask("GET", path)
        return json.loads(answer.body) if answer.status == 200 else None

    def forestall(self, name: str) -> None:
        """Somebody else creates the entry there, so that the change cannot."""
        name_only = {"name": NEW_PATH.rpartition("/")[2], "namespace": "speedscale"}
        body = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": name_only,
            "spec": {"hosts": ["other.example"], "resolution": "NONE", "ports": [PORT]},
        }
        answer = self.sims[name].ask("POST", NEW_PATH.rpartition("/")[0], body, "application/json")
        assert answer.status == 201, answer.body

    def clear(self, name: str) -> None:
        self.sims[name].ask("DELETE", NEW_PATH)


def asked(plan: Plan) -> dict[str, Any]:
    """The plan as somebody asks for it."""
    pause = {"soak_minutes": plan.soak_minutes, "wait": plan.wait, "on_failure": plan.on_failure}
    return {"groups": plan.waves, **pause}


def end_pause(change: ChangeSet) -> None:
    """The time of the pause goes by; nobody has noticed yet."""
    assert ChangeSet.objects.filter(pk=change.pk, state=State.PAUSED).update(opens_at=timezone.now())


@pytest.fixture
def rings(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rings]:
    """Fresh clusters for each test, registered and read."""
    manifests = load(SCENARIO).manifests
    made = Rings(
        sims={name: InProcessCluster(manifests, name) for name in RINGS},
        clusters={name: clusters.cluster(name, where) for name, where in RINGS.items()},
        priya=person("priya", Role.PROPOSER),
        sam=person("sam", Role.APPROVER),
        noor=person("noor", Role.APPROVER),
        omar=person("omar", Role.ADMINISTRATOR, Role.OPERATOR),
    )
    monkeypatch.setattr(refresh, "open_gateway", made.opener)
    made.read()
    yield made
    store.forget_cached()
