"""Simulated clusters for tests: real TLS, real paging, real refusals, seeded from a scenario file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def simulated(scenario: str, *, users: tuple[User, ...] = ()) -> Iterator[SimulatedCluster]:
    """One simulated cluster that answers until the block ends."""
    with SimulatedFleet([spec(scenario, users=users)]) as fleet:
        yield next(iter(fleet.clusters.values()))


def connection(cluster: SimulatedCluster, user: str = "admin", token: str = "") -> Connection:
    """How to sign in there as a user, or with a token of one's own."""
    return Connection(cluster.url, cluster.ca_pem, Secret(token=token or cluster.token(user)))
