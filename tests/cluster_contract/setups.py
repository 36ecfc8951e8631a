"""What each recorded group needs before and between its cases: the requests that were not recorded."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from apps.simcluster.access import User
from tests.cluster_contract.endpoint import Endpoint
from tests.cluster_contract.making import (
    ISTIO,
    make_config_map,
    make_entry,
    make_namespaces,
    make_pod,
    must,
    service_entry,
)
from tests.cluster_contract.openapi import learn_mark
from tests.cluster_contract.overload import STEPS, overload_setup
from tests.cluster_contract.replay import Known, cases, play
from tests.cluster_contract.tokens import delete_account, take_token, take_token_of_another_audience

Json = dict[str, Any]
Step = Callable[[Endpoint, Known], None]

USERS = [
    (User("viewer", "viewer", ("viewers",)), None),
    (User("nobody", "nobody"), None),
    (User("patcher", "patcher"), None),
    (User("editor", "editor", ("editors",)), None),
    (User("impersonator", "impersonator"), None),
]


def _crud_scheduled_pod(endpoint: Endpoint, known: Known) -> None:
    make_pod(endpoint, known, "cart-2", "demo", "node-1")


def _learn(known: Known, obj: Json, uid: str, revision: str) -> None:
    known.learn(uid, obj["metadata"]["uid"])
    known.learn_revision(revision, obj["metadata"]["resourceVersion"], of_list=False)


def _delete_setup(endpoint: Endpoint, known: Known) -> None:
    make_namespaces(endpoint, known, "doomed")
    for name in ("d1", "d4"):
        make_config_map(endpoint, known, name)
    for name in ("d2", "api"):
        make_entry(endpoint, known, name)
    _learn(known, make_entry(endpoint, known, "d3"), "2623154b-45e3-4a99-9b80-c312e0be713e", "321")
    _learn(known, make_entry(endpoint, known, "d5"), "25f6fa9d-b4d9-411c-bf85-f2d621b3ec96", "325")
    for name in ("col0", "col1", "col2"):
        make_entry(endpoint, known, name, labels={"batch": "x"})
    make_config_map(endpoint, known, "hold", "doomed", finalizers=["example.com/hold"])


def _ssa_setup(endpoint: Endpoint, known: Known) -> None:
    path = f"/api/v1/namespaces/{known.namespace('demo')}/configmaps"
    data = {"a": "4", "d": "1"}
    must(
        endpoint,
        "POST",
        path,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data},
    )


def _sixteen_at_once(endpoint: Endpoint, known: Known) -> None:
    """Sixteen applies on the same base revision: one wins, fifteen are told that the object was modified."""
    path = f"{ISTIO}/{known.namespace('demo')}/serviceentries/rv"
    base = endpoint.json("GET", path).body["metadata"]
    body = service_entry("rv", known.namespace("demo"), hosts=["c.example.com"])
    body["metadata"] |= {
        "resourceVersion": base["resourceVersion"],
        "annotations": {"meshconsole.io/op": "op-0"},
    }
    apply = "application/apply-patch+yaml"

    def one(_: int) -> int:
        return endpoint.json("PATCH", f"{path}?fieldManager=meshconsole", body, kind=apply).status

    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(one, range(16)))
    assert statuses == [200] + [409] * 15, statuses


def _cm_one(endpoint: Endpoint, known: Known) -> None:
    make_config_map(endpoint, known, "one")


def _validation_setup(endpoint: Endpoint, known: Known) -> None:
    make_entry(endpoint, known, "api")
    made = make_entry(endpoint, known, "s2")
    known.learn_revision("380", made["metadata"]["resourceVersion"], of_list=False)


def _lists_setup(endpoint: Endpoint, known: Known) -> None:
    make_namespaces(endpoint, known, "lists")
    for name in ("absent1", "absent2", "api", "d5", "fv1", "rv", "s1", "s2"):
        make_entry(endpoint, known, name)
    for index, tier in enumerate(("web", "db", "cache", "web", "db", "cache")):
        make_entry(endpoint, known, f"l{index}", "lists", {"tier": tier})
    make_entry(endpoint, known, "l6", "lists", {"tier": "web", "canary": "true"})
    phases = ("Running", "Running", "Running", "Pending", "Pending", "Pending")
    for index, phase in enumerate(phases):
        node = f"node-{index % 2}" if index < 5 else None
        make_pod(endpoint, known, f"p{index}", "lists", node, phase if phase == "Running" else None)


def _late_entry(endpoint: Endpoint, known: Known) -> None:
    make_entry(endpoint, known, "l9", "lists")


def _large_config_maps(endpoint: Endpoint, known: Known) -> None:
    path = f"/api/v1/namespaces/{known.namespace('lists')}/configmaps"
    have = len(endpoint.json("GET", path).body["items"])
    for index in range(45 - have):
        meta, data = {"name": f"big{index}"}, {"a": f"{index} " + "x" * 4000}
        must(
            endpoint, "POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
        )


def _after(*groups: str) -> Step:
    """Bring about the state another group leaves behind, without comparing it again."""

    def step(endpoint: Endpoint, known: Known) -> None:
        for group in groups:
            for case in cases(group):
                if between := SETUPS[group][1].get(case["name"]):
                    between(endpoint, known)
                play(endpoint, known, case)

    return step


def _again(endpoint: Endpoint, known: Known) -> None:
    make_entry(endpoint, known, "again")


def _once_more(endpoint: Endpoint, known: Known) -> None:
    path = f"{ISTIO}/{known.namespace('demo')}/serviceentries/again"
    must(endpoint, "DELETE", path)
    make_entry(endpoint, known, "again")


def _namespace_blocked(endpoint: Endpoint, known: Known) -> None:
    """Wait for the namespace controller to say what holds the namespace."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = endpoint.json("GET", f"/api/v1/namespaces/{known.namespace('doomed')}").body
        if found["status"].get("conditions"):
            return
        time.sleep(0.2)


RBAC_GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{RBAC_GROUP}/v1"
RBAC_HEAD: Json = {"apiVersion": f"{RBAC_GROUP}/v1"}


def _grant(
    endpoint: Endpoint, known: Known, name: str, subject: Json, rules: list[Json], namespaced: bool
) -> None:
    kind, plural = ("Role", "roles") if namespaced else ("ClusterRole", "clusterroles")
    place = f"/namespaces/{known.namespace('demo')}" if namespaced else ""
    body = {**RBAC_HEAD, "kind": kind, "metadata": {"name": name}, "rules": rules}
    must(endpoint, "POST", f"{RBAC}{place}/{plural}", body)
    _bind(endpoint, name, subject, {"kind": kind, "name": name}, place)


def _bind(endpoint: Endpoint, name: str, subject: Json, role: Json, place: str = "") -> None:
    kind, plural = ("Role", "rolebindings") if place else ("ClusterRole", "clusterrolebindings")
    body = {
        **RBAC_HEAD,
        "kind": f"{kind}Binding",
        "metadata": {"name": name},
        "subjects": [{"apiGroup": RBAC_GROUP, **subject}],
        "roleRef": {"apiGroup": RBAC_GROUP, **role},
    }
    must(endpoint, "POST", f"{RBAC}{place}/{plural}", body)


ISTIO_GROUP = ["networking.istio.io"]


def _auth_setup(endpoint: Endpoint, known: Known) -> None:
    _after("crud", "generation")(endpoint, known)
    patching = [{"apiGroups": ISTIO_GROUP, "resources": ["serviceentries"], "verbs": ["get", "patch"]}]
    editing = [
        {
            "apiGroups": ISTIO_GROUP,
            "resources": ["sidecars"],
            "resourceNames": ["default"],
            "verbs": ["get", "update", "patch"],
        },
        {"apiGroups": ISTIO_GROUP, "resources": ["serviceentries"], "verbs": ["*"]},
    ]
    acting = [
        {"apiGroups": [""], "resources": ["users"], "resourceNames": ["viewer"], "verbs": ["impersonate"]},
        {"apiGroups": [""], "resources": ["groups"], "resourceNames": ["viewers"], "verbs": ["impersonate"]},
    ]
    known.learn("viewers-view", known.prefix + "view")
    viewers = {"kind": "Group", "name": "viewers"}
    _bind(endpoint, known.prefix + "view", viewers, {"kind": "ClusterRole", "name": "view"})
    _grant(endpoint, known, "rec-editor", {"kind": "Group", "name": "editors"}, editing, True)
    _grant(endpoint, known, known.prefix + "patcher", {"kind": "User", "name": "patcher"}, patching, True)
    _grant(endpoint, known, known.prefix + "act", {"kind": "User", "name": "impersonator"}, acting, False)


def drop_cluster_roles(endpoint: Endpoint, known: Known) -> None:
    for name in ("view", "act"):
        for plural in ("clusterrolebindings", "clusterroles"):
            endpoint.json("DELETE", f"{RBAC}/{plural}/{known.prefix}{name}")


def _compacted(endpoint: Endpoint, known: Known) -> None:
    """What etcd's compaction and a restart do; only the simulated cluster can be told to."""
    assert endpoint.cluster is not None
    endpoint.cluster.store.compact()


def _expired_setup(endpoint: Endpoint, known: Known) -> None:
    _lists_setup(endpoint, known)
    _late_entry(endpoint, known)
    page = endpoint.json("GET", f"{ISTIO}/{known.namespace('lists')}/serviceentries?limit=3").body["metadata"]
    known.learn(EXPIRED_TOKEN, page["continue"])
    known.learn_revision("561", page["resourceVersion"], of_list=True)
    make_config_map(endpoint, known, "later")


EXPIRED_TOKEN = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NTYxLCJzdGFydCI6Ii9sMlx1MDAwMCJ9"
SETUPS: dict[str, tuple[Step | None, dict[str, Step]]] = {
    "discovery": (None, {"openapi-v3-istio-v1": learn_mark}),
    "crud": (None, {"pod-delete-scheduled": _crud_scheduled_pod}),
    "delete": (_delete_setup, {"namespace-get-blocked": _namespace_blocked}),
    "ssa": (_ssa_setup, {"concurrent-16": _sixteen_at_once}),
    "fieldvalidation": (_cm_one, {}),
    "validation": (_validation_setup, {}),
    "list": (_lists_setup, {"limit-page-2": _late_entry, "gzip-large": _large_config_maps}),
    "generation": (_after("crud"), {"recreate-1": _again, "recreate-2": _once_more}),
    "odd": (_after("crud", "generation"), {}),
    "auth": (
        _auth_setup,
        {
            "serviceaccount-token-self": take_token,
            "serviceaccount-token-wrong-audience": take_token_of_another_audience,
            "serviceaccount-token-deleted": delete_account,
        },
    ),
    "overload": (overload_setup, STEPS),
    "expired": (_expired_setup, {"continue-410": _compacted}),
}
