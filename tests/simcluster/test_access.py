"""Who may do what: rules of a scenario's users and role objects in the store."""

from typing import Any

import pytest

from apps.simcluster.access import Access, Attributes, User
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


def test_anybody_may_ask_for_health_and_only_the_known_for_discovery() -> None:
    for user, allowed in ((User("someone"), True), (User("system:anonymous"), False)):
        assert access().decide(user, Attributes("get", path="/readyz"))[0]
        assert access().decide(user, Attributes("get", path="/apis/apps/v1"))[0] is allowed
        assert not access().decide(user, Attributes("get", path="/metrics"))[0]
