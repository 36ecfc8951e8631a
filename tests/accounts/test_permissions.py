"""Who may do what, where: deny by default, globs, and the difference between all of it and some of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group

from apps.accounts.actions import grant_role, make_person, revoke_role
from apps.accounts.models import Role, RoleBinding, User
from apps.accounts.permissions import (
    ROLE_PERMISSIONS,
    Permission,
    allows,
    allows_somewhere,
    cluster_filter,
    object_filter,
    require,
)
from apps.accounts.selectors import bindings_of, eligible, people
from apps.analysis.models import WorkloadState
from apps.audit.models import AuditEvent
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError, PermissionDeniedError
from tests.factories.clusters import cluster
from tests.factories.people import person

pytestmark = pytest.mark.django_db
P = Permission


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {P.VIEW}),
        (Role.PROPOSER, {P.VIEW, P.PROPOSE}),
        (Role.APPROVER, {P.VIEW, P.APPROVE}),
        (Role.OPERATOR, {P.VIEW, P.EXECUTE, P.BREAK_GLASS, P.SUPPRESS, P.OPERATE_CLUSTERS, P.VIEW_AUDIT}),
        (Role.ADMINISTRATOR, {P.VIEW, P.SUPPRESS, P.OPERATE_CLUSTERS, P.ADMINISTER, P.VIEW_AUDIT}),
    ],
)
def test_each_role_allows_its_own_and_nothing_else(role: str, allowed: set[Permission]) -> None:
    user = person("sam", role)
    assert {p for p in Permission if allows(user, p)} == allowed == ROLE_PERMISSIONS[role]


def test_nobody_may_anything_without_a_binding() -> None:
    for user in (person("eve"), AnonymousUser()):
        assert not any(allows(user, p) or allows_somewhere(user, p) for p in Permission)


def test_an_account_that_is_switched_off_may_nothing() -> None:
    user = person("alice")
    user.is_active = False
    assert not allows(user, P.VIEW)


def test_a_superuser_is_an_administrator_and_no_approver() -> None:
    root = User.objects.create_superuser("root", password="x")
    assert allows(root, P.ADMINISTER)
    assert not allows(root, P.APPROVE)


def test_a_binding_holds_for_its_environment_only() -> None:
    user = person("alice", environment="staging")
    assert allows(user, P.PROPOSE, environment="staging", cluster="s1", namespace="shop")
    assert not allows(user, P.PROPOSE, environment="production", cluster="s1", namespace="shop")


@pytest.mark.parametrize(
    ("glob", "name", "held"),
    [
        ("prod-*", "prod-eu-1", True),
        ("prod-*", "preprod-1", False),
        ("prod-?", "prod-1", True),
        ("prod-?", "prod-12", False),
        ("prod.1", "prod-1", False),
        ("prod-1", "prod-1\n", False),
    ],
)
def test_globs_match_whole_names_and_nothing_but_stars_is_special(glob: str, name: str, held: bool) -> None:
    user = person("alice", cluster=glob)
    assert allows(user, P.VIEW, environment="lab", cluster=name, namespace="n") is held


def test_a_binding_to_a_namespace_allows_nothing_that_concerns_the_whole_cluster() -> None:
    user = person("charlie", namespace="payments")
    place = {"environment": "production", "cluster": "prod-eu-1"}
    assert allows(user, P.EXECUTE, **place, namespace="payments")
    assert not allows(user, P.EXECUTE, **place)
    assert not allows(user, P.OPERATE_CLUSTERS, **place)
    assert allows_somewhere(user, P.EXECUTE, **place)


def test_bindings_of_groups_count() -> None:
    user = person("eve")
    group = Group.objects.create(name="platform")
    user.groups.add(group)
    RoleBinding.objects.create(group=group, role=Role.APPROVER)
    assert allows(user, P.APPROVE)
    assert bindings_of(user).count() == 1


def test_requiring_reads_the_bindings_afresh() -> None:
    user = person("alice")
    assert allows(user, P.PROPOSE)
    RoleBinding.objects.all().delete()
    with pytest.raises(PermissionDeniedError, match="propose changes"):
        require(user, P.PROPOSE)
    assert AuditEvent.objects.get().outcome == "refused"


def test_lists_hold_only_what_one_may_see() -> None:
    rows = {
        name: cluster(name, env)
        for name, env in (("prod-1", "production"), ("lab-1", "lab"), ("lab-2", "lab"))
    }
    for row in rows.values():
        for namespace in ("payments", "web"):
            WorkloadState.objects.create(cluster=row, kind="Deployment", namespace=namespace, name="x")
    user = person("victor", environment="lab", cluster="lab-*", namespace="pay*")
    person_of_prod = person("walter", Role.VIEWER, cluster="prod-1")
    seen = Cluster.objects.filter(cluster_filter(user, P.VIEW))
    assert set(seen.values_list("name", flat=True)) == {"lab-1", "lab-2"}
    objects = WorkloadState.objects.filter(object_filter(user, P.VIEW))
    assert set(objects.values_list("cluster__name", "namespace")) == {
        ("lab-1", "payments"),
        ("lab-2", "payments"),
    }
    assert Cluster.objects.filter(cluster_filter(person_of_prod, P.VIEW)).get().name == "prod-1"
    assert not Cluster.objects.filter(cluster_filter(person("eve"), P.VIEW)).exists()
    assert not Cluster.objects.filter(cluster_filter(user, P.APPROVE)).exists()


def test_eligible_people_hold_the_permission_in_every_place() -> None:
    person("bob", environment="production")
    person("bella", Role.APPROVER)
    gone = person("boris", Role.APPROVER)
    gone.is_active = False
    gone.save()
    places = [("production", "p", "n"), ("staging", "s", "n")]
    assert [user.username for user in eligible(P.APPROVE, places)] == ["bella"]
    assert [user.username for user in eligible(P.APPROVE, places[:1])] == ["bella", "bob"]


def test_granting_and_revoking_are_audited_and_ask_for_permission() -> None:
    dora, eve = person("dora"), person("eve")
    with pytest.raises(PermissionDeniedError):
        grant_role(actor=eve, user=eve, role=Role.ADMINISTRATOR)
    binding = grant_role(actor=dora, user=eve, role=Role.VIEWER, environment="lab")
    assert grant_role(actor=dora, user=eve, role=Role.VIEWER, environment="lab") == binding
    assert allows(eve, P.VIEW, environment="lab", cluster="c", namespace="n")
    revoke_role(actor=dora, binding=binding)
    assert not allows(User.objects.get(username="eve"), P.VIEW, environment="lab")
    actions = list(AuditEvent.objects.order_by("seq").values_list("action", "outcome"))
    assert actions == [("role.grant", "refused"), ("role.grant", "done"), ("role.revoke", "done")]


@pytest.mark.parametrize("glob", ["", "PROD", "a b", "<script>", "*" * 64])
def test_globs_that_cannot_be_names_are_refused(glob: str) -> None:
    with pytest.raises(InvalidInputError):
        grant_role(actor=None, user=person("eve"), role=Role.VIEWER, cluster=glob)


def test_accounts_are_made_once() -> None:
    make_person(actor=None, username="priya", password="secret-secret", first_name="Priya")
    with pytest.raises(InvalidInputError, match="not taken"):
        make_person(actor=None, username="priya", password="x")
    assert [user.username for user in people()] == ["priya"]
    assert "secret-secret" not in str(list(AuditEvent.objects.values()))
