"""Facts about the API that no recording shows, a sentence each; they hold on real servers of 1.30 to 1.36."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster_contract.conftest import EndpointFor
from tests.cluster_contract.endpoint import Answer, Endpoint
from tests.cluster_contract.making import ISTIO, must, service_entry
from tests.cluster_contract.replay import Known
from tests.cluster_contract.tokens import CACHE_SECONDS, claims_of

pytestmark = pytest.mark.contract
Json = dict[str, Any]
Facts = tuple[Endpoint, Known]
APPLY = "application/apply-patch+yaml"
ENDPOINTS = [[{"address": "10.0.0.1"}], [{"address": "10.0.0.2"}]]
SIDECAR: Json = {"egress": [{"hosts": ["./*"]}]}
# The atomic lists of what the console writes: kind, field, what two managers want there, what else is needed.
ATOMIC: list[tuple[str, str, list[Any], Json]] = [
    ("ServiceEntry", "hosts", [["a.example.com"], ["b.example.com"]], {}),
    ("ServiceEntry", "addresses", [["10.0.0.1"], ["10.0.0.2"]], {}),
    ("ServiceEntry", "exportTo", [["."], ["*"]], {}),
    ("ServiceEntry", "subjectAltNames", [["a"], ["b"]], {}),
    ("ServiceEntry", "endpoints", ENDPOINTS, {"resolution": "STATIC"}),
    ("Sidecar", "egress", [[{"hosts": ["./*"]}], [{"hosts": ["speedscale/*"]}]], {}),
]


def _applied(facts: Facts, manager: str, kind: str, name: str, spec: Json, query: str = "") -> Answer:
    endpoint, known = facts
    space = known.namespace("demo")
    plural = {"ServiceEntry": "serviceentries", "Sidecar": "sidecars"}[kind]
    body = {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    path = f"{ISTIO}/{space}/{plural}/{name}?fieldManager={manager}{query}"
    return endpoint.json("PATCH", path, body, kind=APPLY)


@pytest.mark.parametrize(
    ("kind", "field", "values", "more"), ATOMIC, ids=[f"{k}.{f}" for k, f, _, _ in ATOMIC]
)
def test_a_second_manager_conflicts_on_the_whole_list_and_replaces_it_by_force(
    facts: Facts, kind: str, field: str, values: list[Any], more: Json
) -> None:
    name = f"atomic-{field.lower()}"
    first, second = values
    base = {"hosts": ["x.example.com"], **more} if kind == "ServiceEntry" else dict(more)
    assert _applied(facts, "gitops", kind, name, {**base, field: first}).status == 201
    asked = {"hosts": ["x.example.com"]} if kind == "ServiceEntry" else {}
    refused = _applied(facts, "console", kind, name, {**asked, field: second})
    assert refused.status == 409
    assert {cause["field"] for cause in refused.body["details"]["causes"]} == {f".spec.{field}"}
    forced = _applied(facts, "console", kind, name, {**asked, field: second}, "&force=true")
    assert forced.body["spec"][field] == second
    owners = [
        entry["manager"]
        for entry in forced.body["metadata"]["managedFields"]
        if f"f:{field}" in entry["fieldsV1"]["f:spec"]
    ]
    assert owners == ["console"]


BROKEN: dict[str, Json] = {
    "a wildcard for every host": {"hosts": ["*"]},
    "no hosts": {"hosts": []},
    "a port number twice": {"ports": [{"name": "a", "number": 1}, {"name": "b", "number": 1}]},
    "a port name twice": {"ports": [{"name": "a", "number": 1}, {"name": "a", "number": 2}]},
    "a port above 65535": {"ports": [{"name": "a", "number": 65536}]},
    "endpoints without resolution": {"endpoints": [{"address": "10.0.0.1"}], "resolution": "NONE"},
    "a network with DNS": {"addresses": ["10.0.0.0/8"], "resolution": "DNS"},
    "an unknown resolution": {"resolution": "SOMEHOW"},
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_dry_run_refuses_what_the_definition_forbids(facts: Facts, what: str) -> None:
    endpoint, known = facts
    space = known.namespace("demo")
    body = service_entry("broken", space, **BROKEN[what])
    answer = endpoint.json("POST", f"{ISTIO}/{space}/serviceentries?dryRun=All", body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"]


TOLERATED: dict[str, tuple[str, Json]] = {
    "a host without a slash": ("Sidecar", {"egress": [{"hosts": ["speedscale"]}]}),
    "an egress item with no hosts": ("Sidecar", {"egress": [{"hosts": []}]}),
    "a wildcard host with DNS": ("ServiceEntry", {"hosts": ["*.example.com"], "resolution": "DNS"}),
    "a bogus protocol": (
        "ServiceEntry",
        {"hosts": ["a.b"], "ports": [{"name": "a", "number": 1, "protocol": "BOGUS"}]},
    ),
    "a meaningless exportTo": ("ServiceEntry", {"hosts": ["a.b"], "exportTo": ["a/b"]}),
}


@pytest.mark.parametrize("what", TOLERATED)
def test_the_definitions_accept_what_only_istiod_refuses(facts: Facts, what: str) -> None:
    kind, spec = TOLERATED[what]
    assert _applied(facts, "console", kind, "tolerated", spec, "&dryRun=All").status == 201


def test_equal_values_are_owned_by_both_managers(facts: Facts) -> None:
    for manager in ("gitops", "console"):
        done = _applied(facts, manager, "Sidecar", "shared", SIDECAR)
        assert done.status in (200, 201)
    assert [entry["manager"] for entry in done.body["metadata"]["managedFields"]] == ["console", "gitops"]


def _reviewed(endpoint: Endpoint, headers: dict[str, str]) -> Answer:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    sent = {"Content-Type": "application/json", **headers}
    return endpoint.send("POST", path, headers=sent, body=json.dumps(body).encode())


WHO: list[tuple[str, dict[str, str], Json]] = [
    (
        "a user with a uid and a reason",
        {"Impersonate-User": "jane", "Impersonate-Uid": "u-1", "Impersonate-Extra-Reason": "test"},
        {"username": "jane", "uid": "u-1", "groups": ["system:authenticated"], "extra": {"reason": ["test"]}},
    ),
    (
        "a service account without groups is in its own",
        {"Impersonate-User": "system:serviceaccount:shop:cart"},
        {
            "username": "system:serviceaccount:shop:cart",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
        },
    ),
]


@pytest.mark.parametrize(("who", "headers", "expected"), WHO, ids=[row[0] for row in WHO])
def test_the_server_says_who_is_impersonated(
    facts: Facts, who: str, headers: dict[str, str], expected: Json
) -> None:
    answer = _reviewed(facts[0], headers)
    assert answer.status == 201, answer.body
    assert answer.body["status"]["userInfo"] == expected


def test_a_uid_without_a_user_is_no_impersonation(facts: Facts) -> None:
    answer = _reviewed(facts[0], {"Impersonate-Uid": "u-1"})
    assert (answer.status, answer.body["reason"]) in ((400, "BadRequest"), (500, "InternalError"))
    assert "without impersonating a user" in answer.body["message"]


def _token(facts: Facts, **spec: Any) -> Answer:
    endpoint, known = facts
    path = f"/api/v1/namespaces/{known.namespace('demo')}/serviceaccounts/default/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = endpoint.json("POST", path, body)
    for _ in range(100):  # the account of a new namespace comes after a while
        if answer.status != 404 or 'serviceaccounts "default"' not in answer.body["message"]:
            break
        time.sleep(0.1)
        answer = endpoint.json("POST", path, body)
    return answer


def test_a_token_lives_ten_minutes_at_least_and_136_years_at_most(facts: Facts) -> None:
    for seconds, why in (
        (599, "may not specify a duration less than 10 minutes"),
        (2**32 + 1, "2^32 seconds"),
    ):
        refused = _token(facts, expirationSeconds=seconds)
        assert refused.status == 422, refused.body
        assert why in refused.body["message"]
    granted = _token(facts, expirationSeconds=600)
    claims = claims_of(granted.body["status"]["token"])
    assert claims["exp"] - claims["iat"] == 600


def test_a_token_bound_to_an_absent_object_is_not_given(facts: Facts) -> None:
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "absent"}
    answer = _token(facts, boundObjectRef=bound)
    assert (answer.status, answer.body["message"]) == (404, 'secrets "absent" not found')


def test_a_token_dies_with_the_object_it_is_bound_to(facts: Facts) -> None:
    endpoint, known = facts
    secrets = f"/api/v1/namespaces/{known.namespace('demo')}/secrets"
    must(endpoint, "POST", secrets, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bound"}})
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "bound"}
    token = _token(facts, boundObjectRef=bound).body["status"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    assert must(endpoint, "POST", path, review)["status"]["authenticated"] is True
    must(endpoint, "DELETE", f"{secrets}/bound")
    if endpoint.real:
        time.sleep(CACHE_SECONDS)
    assert not must(endpoint, "POST", path, review)["status"].get("authenticated")


def test_protobuf_or_json_means_json_for_custom_resources(facts: Facts) -> None:
    endpoint, known = facts
    accept = {"Accept": "application/vnd.kubernetes.protobuf,application/json"}
    answer = endpoint.send("GET", f"{ISTIO}/{known.namespace('demo')}/serviceentries", headers=accept)
    assert (answer.status, answer.body["kind"]) == (200, "ServiceEntryList")


def test_an_unknown_method_is_not_allowed_on_a_built_in_kind(facts: Facts) -> None:
    answer = facts[0].send("BREW", "/api/v1/namespaces")
    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")


def test_openapi_says_that_patches_validate_fields_and_can_be_dry(facts: Facts) -> None:
    endpoint, _ = facts
    for place, path in (
        ("api/v1", "/api/v1/namespaces/{namespace}/configmaps/{name}"),
        ("apis/networking.istio.io/v1", f"{ISTIO}/{{namespace}}/serviceentries/{{name}}"),
    ):
        document = endpoint.json("GET", f"/openapi/v3/{place}").body
        patch = document["paths"][path]["patch"]
        names = {parameter["name"] for parameter in patch["parameters"]}
        assert {"dryRun", "fieldManager", "fieldValidation", "force"} <= names
        assert patch["x-kubernetes-group-version-kind"]["kind"] in ("ConfigMap", "ServiceEntry")


BUILT_IN = ("cluster-admin", "admin", "edit", "view", "system:basic-user", "system:discovery")


@pytest.mark.parametrize("name", [*BUILT_IN, "system:public-info-viewer"])
def test_every_cluster_has_the_built_in_roles(facts: Facts, name: str) -> None:
    role = must(facts[0], "GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}")
    assert role["metadata"]["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults"
    assert role["rules"]


@pytest.fixture
def labelled_role(endpoint_for: EndpointFor, facts: Facts) -> Iterator[str]:
    """A role whose rules are to become part of `view`; its resource."""
    endpoint, known = facts
    name = f"{known.prefix}more"
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    rule = {"apiGroups": ["demo.example.com"], "resources": [name], "verbs": ["get"]}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    must(endpoint, "POST", path, {**head, "metadata": {"name": name, "labels": labels}, "rules": [rule]})
    yield name
    endpoint.json("DELETE", f"{path}/{name}")


def test_a_labelled_role_becomes_part_of_view(facts: Facts, labelled_role: str) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"
    for _ in range(500):
        rules = must(facts[0], "GET", path)["rules"]
        if any(labelled_role in rule.get("resources", ()) for rule in rules):
            return
    raise AssertionError("view never got the rule")
