"""Simulated clusters for tests: real TLS, real paging, real refusals, seeded from a scenario file."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.clusters.connection import Connection, Secret
from apps.simcluster.access import User
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet
from apps.simcluster.scenario import load
from apps.simcluster.shapes.roles import User as ScenarioUser

SCENARIOS = Path(__file__).parents[2] / "apps" / "simcluster" / "scenarios"


def spec(scenario: str, *, users: tuple[User, ...] = ()) -> ClusterSpec:
    """The cluster of a scenario file, with more users."""
    found = load(SCENARIOS / f"{scenario}.yaml")
    return ClusterSpec(
        name=found.name,
        manifests=found.manifests,
        users=[*((_user(user), user.token) for user in found.users), *((user, None) for user in users)],
        served=found.served_versions,
        git_version=found.kubernetes_version,
    )


def _user(user: ScenarioUser) -> User:
    return User(user.name, user.name, user.groups, tuple(rule.manifest() for rule in user.rules))


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    """The clusters of a test module; a module that wants others defines a fixture of this name."""
    return [ClusterSpec("plain")]


@pytest.fixture(scope="module")
def fleet(fleet_specs: list[ClusterSpec]) -> Iterator[SimulatedFleet]:
    """The clusters of `fleet_specs`, answering until the module's tests are over."""
    with SimulatedFleet(fleet_specs) as running:
        yield running


@pytest.fixture
def sim(fleet: SimulatedFleet) -> Iterator[SimulatedCluster]:
    """The first cluster of the fleet; what a test does to it but write objects ends with the test."""
    cluster = next(iter(fleet.clusters.values()))
    yield cluster
    cluster.reset()


def client(cluster: SimulatedCluster, user: str = "admin") -> httpx.Client:
    """An HTTP client that trusts the cluster as it is now and signs in as a user."""
    context = ssl.create_default_context(cadata=cluster.ca_pem)
    headers = {"Authorization": f"Bearer {cluster.token(user)}"}
    return httpx.Client(base_url=cluster.url, verify=context, headers=headers, timeout=10)


def connection(cluster: SimulatedCluster, user: str = "admin", token: str = "") -> Connection:
    """How to sign in there as a user, or with a token of one's own."""
    return Connection(cluster.url, cluster.ca_pem, Secret(token=token or cluster.token(user)))
