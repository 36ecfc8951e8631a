"""Who may do what: rules of a scenario's users and role objects in the store."""

from typing import Any

import pytest

from apps.simcluster.access import MASTERS, NOBODY, Access, Attributes, User
from apps.simcluster.cluster import Cluster, new_cluster
from apps.simcluster.errors import ApiError
from apps.simcluster.messages import Request
from apps.simcluster.role_aggregation import aggregate_roles, ensure_default_roles
from apps.simcluster.store import Store

RBAC = "rbac.authorization.k8s.io"


def access() -> Access:
    return Access(Store())


def asked(verb: str, resource: str, namespace: str = "", **more: str) -> Attributes:
    return Attributes(verb, resource=resource, namespace=namespace, **more)


def test_a_rule_for_some_namespaces_holds_there_and_nowhere_else() -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "namespaces": ["istio-system"]}
    user = User("reader", rules=(rule,))
    assert access().decide(user, asked("get", "configmaps", "istio-system"))[0]
    assert not access().decide(user, asked("get", "configmaps", "shop"))[0]
    assert not access().decide(user, asked("get", "configmaps"))[0]


def test_a_rule_for_some_names_does_not_allow_the_list() -> None:
    rule = {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["get", "list"],
        "resourceNames": ["istio"],
    }
    user = User("reader", rules=(rule,))
    assert access().decide(user, asked("get", "configmaps", "a", name="istio"))[0]
    assert not access().decide(user, asked("get", "configmaps", "a", name="other"))[0]
    assert not access().decide(user, asked("list", "configmaps", "a"))[0]


@pytest.mark.parametrize(("subresource", "allowed"), [("", True), ("status", False)])
def test_a_resource_does_not_include_its_subresources(subresource: str, allowed: bool) -> None:
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]}
    request = Attributes("patch", "apps", "deployments", subresource, "shop", "cart")
    assert access().decide(User("writer", rules=(rule,)), request)[0] is allowed


def put(store: Store, plural: str, name: str, namespace: str, **content: Any) -> None:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    store.put(f"{plural}.{RBAC}", {"metadata": meta, **content})


def test_a_cluster_role_bound_in_a_namespace_holds_only_there() -> None:
    rights = access()
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    put(rights.store, "clusterroles", "view", "", rules=[rule])
    role = {"kind": "ClusterRole", "name": "view"}
    put(rights.store, "rolebindings", "b", "shop", roleRef=role, subjects=[{"kind": "Group", "name": "devs"}])
    user = User("dev", groups=("devs",))
    allowed, reason = rights.decide(user, asked("list", "pods", "shop"))
    assert allowed
    assert reason == 'RBAC: allowed by RoleBinding "b/shop" of ClusterRole "view" to Group "devs"'
    assert not rights.decide(user, asked("list", "pods", "other"))[0]
    assert not rights.decide(user, asked("list", "pods"))[0]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """A cluster with its default roles."""
    made = new_cluster("roles", Store(), [])
    ensure_default_roles(made)
    return made


def test_anybody_may_ask_for_health_and_only_the_known_for_discovery(cluster: Cluster) -> None:
    known = User("someone", groups=("system:authenticated",))
    for user, allowed in ((known, True), (NOBODY, False)):
        assert cluster.access.decide(user, Attributes("get", path="/readyz"))[0]
        assert cluster.access.decide(user, Attributes("get", path="/apis/apps/v1"))[0] is allowed
        assert not cluster.access.decide(user, Attributes("get", path="/metrics"))[0]


def test_without_its_default_roles_a_cluster_grants_nothing() -> None:
    assert not access().decide(NOBODY, Attributes("get", path="/readyz"))[0]


@pytest.mark.parametrize(
    ("role", "verb", "group", "resource", "allowed"),
    [
        ("view", "list", "", "pods", True),
        ("view", "list", "", "secrets", False),
        ("view", "patch", "apps", "deployments", False),
        ("edit", "get", "", "pods", True),
        ("edit", "patch", "apps", "deployments", True),
        ("edit", "create", RBAC, "rolebindings", False),
        ("admin", "get", "", "pods", True),
        ("admin", "patch", "apps", "deployments", True),
        ("admin", "create", RBAC, "rolebindings", True),
        ("admin", "list", "networking.istio.io", "sidecars", False),
        ("cluster-admin", "list", "networking.istio.io", "sidecars", True),
    ],
)
def test_the_default_roles_collect_one_another(
    cluster: Cluster, role: str, verb: str, group: str, resource: str, allowed: bool
) -> None:
    subject = {"kind": "User", "name": role}
    put(
        cluster.store,
        "rolebindings",
        role,
        "shop",
        roleRef={"kind": "ClusterRole", "name": role},
        subjects=[subject],
    )
    request = Attributes(verb, group, resource, namespace="shop")
    assert cluster.access.decide(User(role), request)[0] is allowed


def test_a_role_labelled_for_view_becomes_part_of_view_edit_and_admin(cluster: Cluster) -> None:
    label = {f"{RBAC}/aggregate-to-view": "true"}
    rule = {"apiGroups": ["networking.istio.io"], "resources": ["sidecars"], "verbs": ["get"]}
    meta = {"name": "istio-view", "labels": label}
    cluster.store.put(f"clusterroles.{RBAC}", {"metadata": meta, "rules": [rule]})
    aggregate_roles(cluster)
    for name in ("view", "edit", "admin"):
        role = cluster.store.get(f"clusterroles.{RBAC}", "", name)
        assert role is not None
        assert rule in role["rules"]
        managers = [entry["manager"] for entry in role["metadata"]["managedFields"]]
        assert "clusterrole-aggregation-controller" in managers
    cluster.store.remove(f"clusterroles.{RBAC}", "", "istio-view")
    aggregate_roles(cluster)
    left = cluster.store.get(f"clusterroles.{RBAC}", "", "view")
    assert left is not None
    assert rule not in left["rules"]


def impersonating(user: User, cluster: Cluster, **headers: str) -> User:
    cluster.access.users["token"] = user
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    lists = {name: [value] for name, value in sent.items()}
    sent["authorization"] = "Bearer token"
    return cluster.access.authenticate(Request("GET", "/", {}, sent, header_lists=lists))


def test_who_is_impersonated_has_the_uid_groups_and_extras_asked_for(cluster: Cluster) -> None:
    admin = User("admin", groups=(MASTERS,))
    found = impersonating(
        admin, cluster, impersonate_user="jane", impersonate_uid="u-1", impersonate_extra_reason="test"
    )
    assert (found.name, found.uid, found.groups) == ("jane", "u-1", ("system:authenticated",))
    assert found.extra == {"reason": ("test",)}
    account = impersonating(admin, cluster, impersonate_user="system:serviceaccount:shop:cart")
    assert account.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:shop",
        "system:authenticated",
    )
    assert impersonating(admin, cluster, impersonate_user="system:anonymous").groups == (
        "system:unauthenticated",
    )


def test_a_uid_needs_a_right_of_its_own(cluster: Cluster) -> None:
    rule = {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}
    actor = User("actor", rules=(rule,))
    assert impersonating(actor, cluster, impersonate_user="jane").name == "jane"
    with pytest.raises(ApiError, match=r'uids\.authentication\.k8s\.io "u-1" is forbidden'):
        impersonating(actor, cluster, impersonate_user="jane", impersonate_uid="u-1")
