"""Conditions for queries say the same as the questions about one place."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role, RoleBinding, User
from apps.accounts.permissions import Permission, cluster_filter
from apps.clusters.models import Cluster


@pytest.fixture
def priya(db: None) -> User:
    return User.objects.create_user("priya")


@pytest.fixture(autouse=True)
def two_clusters(db: None) -> None:
    for name, environment in (("prod-eu-1", "production"), ("edge-lab", "lab")):
        Cluster.objects.create(name=name, environment=environment, server="https://192.0.2.1", ca_pem="x")


def names(user: User) -> set[str]:
    found = Cluster.objects.filter(cluster_filter(user, Permission.VIEW))
    return set(found.values_list("name", flat=True))


def test_nobody_sees_a_cluster_without_a_binding(priya: User) -> None:
    assert names(priya) == set()


def test_a_binding_to_everything_shows_every_cluster(priya: User) -> None:
    RoleBinding.objects.create(user=priya, role=Role.VIEWER)
    assert names(priya) == {"prod-eu-1", "edge-lab"}


def test_a_binding_to_an_environment_shows_its_clusters_only(priya: User) -> None:
    RoleBinding.objects.create(user=priya, role=Role.VIEWER, environment="production")
    assert names(priya) == {"prod-eu-1"}


def test_a_glob_of_names_shows_what_it_matches(priya: User) -> None:
    RoleBinding.objects.create(user=priya, role=Role.VIEWER, cluster="edge-*")
    assert names(priya) == {"edge-lab"}
