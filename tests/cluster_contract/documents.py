"""How discovery documents are compared: a cluster may serve other kinds, but what it serves it describes
alike.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.cluster_contract.differences import Translates, differences
from tests.cluster_contract.endpoint import Answer
from tests.cluster_contract.openapi import openapi_document, openapi_index, version_openapi
from tests.cluster_contract.overload import closed, health_checks, json_as_text
from tests.cluster_contract.rights import rules_review
from tests.cluster_contract.tokens import token_request

Json = dict[str, Any]
Compare = Callable[[Json, Answer, Translates], Iterator[str]]

NEEDED_KINDS = {
    "api-v1": {
        "configmaps",
        "events",
        "namespaces",
        "nodes",
        "pods",
        "secrets",
        "serviceaccounts",
        "services",
    },
    "group-istio-v1": {"serviceentries", "serviceentries/status", "sidecars", "virtualservices", "gateways"},
    "group-istio-v1alpha3": {"serviceentries", "sidecars", "virtualservices", "envoyfilters"},
    "group-security-v1": {"peerauthentications", "authorizationpolicies", "requestauthentications"},
    "group-apps-v1": {"deployments", "deployments/scale", "deployments/status", "statefulsets", "daemonsets"},
    "aggregated-api": {"configmaps", "namespaces", "pods"},
    "aggregated-apis": {"deployments", "serviceentries", "sidecars", "peerauthentications"},
}
NEEDED_GROUPS = {
    "apps",
    "batch",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "rbac.authorization.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "networking.istio.io",
    "security.istio.io",
}


def _named(items: list[Json], key: str) -> dict[str, Json]:
    return {item[key]: item for item in items if key in item}


def _alike(recorded: Json, live: Json, name: str) -> Iterator[str]:
    for field in recorded:
        old, new = recorded[field], live.get(field)
        if field in ("storageVersionHash", "subresources"):
            continue
        if field == "verbs":
            old, new = sorted(old), sorted(new or [])
        if old != new:
            yield f"{name}: {field} {new}, recorded {old}"
    subresources = _named(recorded.get("subresources", []), "subresource")
    for entry in live.get("subresources", []):
        if entry["subresource"] in subresources:
            where = f"{name}/{entry['subresource']}"
            yield from _alike(subresources[entry["subresource"]], entry, where)


def _kinds(case: Json, recorded: list[Json], live: list[Json], key: str) -> Iterator[str]:
    old, new = _named(recorded, key), _named(live, key)
    missing = NEEDED_KINDS[case["name"]] - set(new)
    if missing:
        yield f"does not list {sorted(missing)}"
    for name in sorted(set(old) & set(new)):
        yield from _alike(old[name], new[name], name)


def _status(case: Json, answer: Answer) -> Iterator[str]:
    if answer.status != case["response"]["status"]:
        yield f"status {answer.status}, recorded {case['response']['status']}"


def resources(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """An APIResourceList."""
    yield from _status(case, answer)
    old = case["response"]["body"]
    for field in ("kind", "apiVersion", "groupVersion"):
        if old.get(field) != answer.body.get(field):
            yield f"{field} {answer.body.get(field)}, recorded {old.get(field)}"
    yield from _kinds(case, old["resources"], answer.body["resources"], "name")


def aggregated(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """An APIGroupDiscoveryList."""
    yield from _status(case, answer)
    wanted = case["response"]["headers"]["content-type"]
    if answer.headers["content-type"] != wanted:
        yield f"content-type {answer.headers['content-type']}, recorded {wanted}"
    old = {i["metadata"].get("name", ""): i for i in case["response"]["body"]["items"] if "metadata" in i}
    new = {i["metadata"].get("name", ""): i for i in answer.body["items"]}
    for group in old:
        listed = [v["version"] for v in new.get(group, {}).get("versions", [])]
        if [v["version"] for v in old[group]["versions"] if "version" in v] != listed:
            yield f"versions of {group!r}: {listed}"
    recorded = [r for i in old.values() for v in i["versions"][:1] for r in v.get("resources", [])]
    live = [r for name in old for v in new[name]["versions"][:1] for r in v["resources"]]
    yield from _kinds(case, recorded, live, "resource")


def group_list(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The APIGroupList."""
    yield from _status(case, answer)
    old, new = _named(case["response"]["body"]["groups"], "name"), _named(answer.body["groups"], "name")
    missing = NEEDED_GROUPS - set(new)
    if missing:
        yield f"does not list {sorted(missing)}"
    for name in sorted(set(old) & NEEDED_GROUPS & set(new)):
        yield from _alike(old[name], new[name], name)


def version(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The version document: its fields, and a minor version that is a number."""
    yield from _status(case, answer)
    missing = {"major", "minor", "gitVersion", "gitCommit", "buildDate", "goVersion", "platform"} - set(
        answer.body
    )
    if missing:
        yield f"no {sorted(missing)}"
    elif not answer.body["gitVersion"].startswith(
        f"v{answer.body['major']}.{answer.body['minor'].rstrip('+')}."
    ):
        yield f"gitVersion {answer.body['gitVersion']}"


def api_versions(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The APIVersions document: all but the server's own address."""
    yield from _status(case, answer)
    for field in ("kind", "versions"):
        if answer.body.get(field) != case["response"]["body"][field]:
            yield f"{field} {answer.body.get(field)}"
    if not answer.body["serverAddressByClientCIDRs"][0]["serverAddress"]:
        yield "no server address"


def root(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The list of paths."""
    yield from _status(case, answer)
    missing = {"/api", "/api/v1", "/apis", "/apis/admissionregistration.k8s.io"} - set(answer.body["paths"])
    if missing:
        yield f"does not list {sorted(missing)}"


def openid(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The issuer's document: all but the server's own address."""
    expected = copy.deepcopy(case)
    recorded = expected["response"]["body"]
    if isinstance(answer.body, dict) and str(answer.body.get("jwks_uri")).endswith("/openid/v1/jwks"):
        recorded["jwks_uri"] = answer.body["jwks_uri"]
    yield from differences(expected, answer, known)


COMPARE: dict[str, Compare] = {
    "version": version,
    "version-anonymous": version,
    "api": api_versions,
    "apis": group_list,
    "root": root,
    "api-v1": resources,
    "group-istio-v1": resources,
    "group-istio-v1alpha3": resources,
    "group-security-v1": resources,
    "group-apps-v1": resources,
    "aggregated-api": aggregated,
    "aggregated-apis": aggregated,
    "openapi-v3-index": openapi_index,
    "openapi-v3-small-group": version_openapi,
    "openapi-v3-istio-v1": openapi_document,
    "oidc-configuration": openid,
}
OTHERS: dict[tuple[str, str], Compare] = {
    ("auth", "ssrr-editor"): rules_review,
    ("auth", "ssrr-viewer"): rules_review,
    ("auth", "token-request"): token_request,
    ("auth", "token-request-600"): token_request,
    ("auth", "token-request-audience"): token_request,
    ("discovery", "readyz-verbose"): health_checks,
    ("overload", "readyz-shutting-down"): health_checks,
    ("overload", "etcd-down-livez"): health_checks,
    ("overload", "etcd-down-write"): json_as_text,
    ("overload", "etcd-down-create-dryrun"): json_as_text,
    ("odd", "media-type-protobuf-crd"): closed,
    ("odd", "media-type-protobuf-crd-envelope"): closed,
    ("overload", "etcd-down-get"): closed,
    ("overload", "etcd-down-list-quorum"): closed,
}


def comparison(group: str, name: str) -> Compare:
    """How a case is compared."""
    if (group, name) in OTHERS:
        return OTHERS[group, name]
    return COMPARE.get(name, differences) if group == "discovery" else differences
