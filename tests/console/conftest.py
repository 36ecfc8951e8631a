"""A small shop as the console knows it after one reading, without a network, and people who look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.actions import analyse_cluster
from apps.changes.actions.propose_yaml import propose_yaml
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster, HealthState
from apps.common import clock
from apps.inventory import store
from apps.inventory.collect import Collected, Collection
from apps.mesh.parsing.folding import PodFolder
from apps.simcluster.scenario import load
from tests.factories.clusters import cluster as make_cluster
from tests.factories.people import person
from tests.factories.rings import rings

__all__ = ["rings"]

SCENARIO = Path(__file__).parent.parent / "factories" / "shop.yaml"
READ = frozenset(
    {
        "Namespace", "Service", "ConfigMap", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob",
        "ServiceEntry", "Sidecar", "MutatingWebhookConfiguration", "CustomResourceDefinition",
    }
)  # fmt: skip
STS_ENTRY = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: speedscale-sts, namespace: speedscale}
spec:
  hosts: [sts.amazonaws.com, sts.us-east-1.amazonaws.com]
  location: MESH_EXTERNAL
  ports: [{name: tls, number: 443, protocol: TLS}]
  resolution: NONE
"""
# The example of Speedscale's page, as written: a complete list that holds Speedscale only.
CUTTING_SIDECAR = """apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: payments}
spec:
  egress:
  - hosts: ["speedscale/*"]
"""


def read_into(cluster: Cluster) -> Cluster:
    """Gives the cluster what the scenario holds, as one complete reading would, and analyses it."""
    folder, objects = PodFolder(), []
    for manifest in load(SCENARIO).manifests:
        if manifest["kind"] == "Pod":
            folder.add(manifest)
        elif manifest["kind"] in READ:
            meta = {"uid": manifest["metadata"].get("uid", ""), "resourceVersion": "7", "managedFields": []}
            objects.append(Collected(dict(manifest), meta))
    objects += [Collected(dict(manifest), {}) for manifest in folder.manifests()]
    collection = Collection(tuple(objects), (), {"networking.istio.io": ["v1", "v1beta1"]}, len(objects))
    store.save(cluster, collection, at=clock.now())
    cluster.health = HealthState.HEALTHY
    cluster.served = collection.served
    cluster.save()
    analyse_cluster(cluster)
    return cluster


@pytest.fixture
def shop(db: None) -> Cluster:
    """Production, only what is registered may leave, two of Speedscale's hosts are blocked."""
    return read_into(make_cluster("shop"))


@pytest.fixture
def alice(db: None) -> User:
    """Proposes everywhere."""
    return person("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Approves everywhere."""
    return person("bob")


@pytest.fixture
def charlie(db: None) -> User:
    """Operates everywhere, and reads the audit record."""
    return person("charlie")


@pytest.fixture
def victor(db: None) -> User:
    """May only look."""
    return person("victor")


@pytest.fixture
def eve(db: None) -> User:
    """Signed in, and may see nothing."""
    return person("eve")


@pytest.fixture
def as_(db: None) -> Callable[[User], Client]:
    """A browser in which somebody is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def draft(shop: Cluster, alice: User) -> ChangeSet:
    """Alice's draft that opens two hosts."""
    return propose_yaml(actor=alice, cluster=shop, text=STS_ENTRY, title="Open the token service")


def pending(change: ChangeSet) -> ChangeSet:
    """The change as it is after a dry run that passed, without asking a cluster."""
    revision = change.revisions.get(number=change.revision_number)
    revision.digest = "d" * 64
    revision.save(update_fields=["digest"])
    revision.items.update(dry_run={"ok": True, "warnings": [], "causes": []})
    ChangeSet.objects.filter(pk=change.pk).update(
        state="pending", submitter=change.author, submitted_at=clock.now()
    )
    change.refresh_from_db()
    return change
