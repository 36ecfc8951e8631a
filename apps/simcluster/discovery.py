"""What a cluster serves, as documents: versions, groups, resources, aggregated discovery.

Built from the served resources alone.
"""

import hashlib

import msgspec

from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import PlainNotFound, no_such_resource
from apps.simcluster.kinds import Resource, version_order
from apps.simcluster.schema import Json
from apps.simcluster.tokens import ALGORITHM, ISSUER

REVIEWS: tuple[tuple[str, str, str], ...] = (
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    ("authentication.k8s.io", "tokenreviews", "TokenReview"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
)
_SUBRESOURCE_VERBS = {"log": ["get"], "finalize": ["update"], "token": ["create"]}
_STATUS_VERBS = ["get", "patch", "update"]


def version_document(cluster: Cluster) -> Json:
    minor = cluster.git_version.lstrip("v").split(".")[1]
    return {
        "major": "1",
        "minor": minor,
        "emulationMajor": "1",
        "emulationMinor": minor,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": cluster.git_version,
        "gitCommit": hashlib.sha1(cluster.git_version.encode()).hexdigest(),  # noqa: S324
        "gitTreeState": "clean",
        "buildDate": "2026-08-21T11:29:11Z",
        "goVersion": "go1.26.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def groups(cluster: Cluster) -> dict[str, list[str]]:
    """Served versions by group, preferred first; the core group is not among them."""
    found: dict[str, set[str]] = {}
    for resource in cluster.resources():
        if resource.group:
            found.setdefault(resource.group, set()).update(resource.versions)
    for group, _, _ in REVIEWS:
        found.setdefault(group, set()).add("v1")
    return {group: sorted(versions, key=version_order) for group, versions in found.items()}


def api_versions(host: str) -> Json:
    where = [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": where}


def _group(name: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def group_list(cluster: Cluster) -> Json:
    items = [_group(name, versions) for name, versions in groups(cluster).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": items}


def group_document(cluster: Cluster, group: str) -> Json:
    versions = groups(cluster).get(group)
    if versions is None:
        raise PlainNotFound
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)}


def resource_list(cluster: Cluster, group: str, version: str) -> Json:
    if version not in (["v1"] if not group else groups(cluster).get(group, [])):
        raise PlainNotFound if group else no_such_resource()
    items: list[Json] = []
    for resource in cluster.resources():
        if resource.group == group and version in resource.versions:
            items.append(_resource(resource))
            items += [_subresource(resource, name) for name in resource.subresources]
    for review_group, plural, kind in REVIEWS:
        if review_group == group:
            items.append(
                {
                    "name": plural,
                    "singularName": kind.lower(),
                    "namespaced": False,
                    "kind": kind,
                    "verbs": ["create"],
                }
            )
    head: Json = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return {**head, "groupVersion": f"{group}/{version}" if group else version, "resources": items}


def _resource(resource: Resource) -> Json:
    entry: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return entry


def _subresource(resource: Resource, name: str) -> Json:
    entry: Json = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
    if name == "scale":
        entry |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    elif name == "token":
        entry |= {"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}
    else:
        entry["kind"] = resource.kind
    return {**entry, "verbs": _SUBRESOURCE_VERBS.get(name, _STATUS_VERBS)}


def aggregated(cluster: Cluster, *, core: bool) -> Json:
    """APIGroupDiscoveryList of `/api` or `/apis`."""
    names = {"": ["v1"]} if core else groups(cluster)
    items = []
    for group, versions in names.items():
        listed = [
            {"version": v, "resources": _aggregated(cluster, group, v), "freshness": "Current"}
            for v in versions
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _kind(group: str, version: str, kind: str) -> Json:
    return {"group": group, "version": version, "kind": kind}


def _response_kind(resource: Resource, version: str) -> Json:
    """Built-in kinds leave group and version to the document they are in."""
    return _kind(resource.group, version, resource.kind) if resource.custom else _kind("", "", resource.kind)


def _aggregated(cluster: Cluster, group: str, version: str) -> list[Json]:
    found = []
    for resource in cluster.resources():
        if resource.group != group or version not in resource.versions:
            continue
        entry: Json = {
            "resource": resource.plural,
            "responseKind": _response_kind(resource, version),
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singularResource": resource.singular,
            "verbs": list(resource.verbs),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        if resource.subresources:
            entry["subresources"] = [
                _aggregated_sub(resource, name, version) for name in resource.subresources
            ]
        found.append(entry)
    for review_group, plural, kind in REVIEWS:
        if review_group == group:
            found.append(
                {
                    "resource": plural,
                    "responseKind": _kind("", "", kind),
                    "scope": "Cluster",
                    "singularResource": kind.lower(),
                    "verbs": ["create"],
                }
            )
    return found


def _aggregated_sub(resource: Resource, name: str, version: str) -> Json:
    kind = _response_kind(resource, version)
    if name == "scale":
        kind = _kind("autoscaling", "v1", "Scale")
    elif name == "token":
        kind = _kind("authentication.k8s.io", "v1", "TokenRequest")
    return {
        "subresource": name,
        "responseKind": kind,
        "verbs": _SUBRESOURCE_VERBS.get(name, _STATUS_VERBS),
    }


def etag(document: Json) -> str:
    return f'"{hashlib.sha512(msgspec.json.encode(document)).hexdigest().upper()}"'


def root_paths(cluster: Cluster) -> Json:
    paths = ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/apis/"]
    for group, versions in sorted(groups(cluster).items()):
        paths += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in versions)]
    return {"paths": [*paths, "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}


def openid_configuration(host: str) -> Json:
    """Where others find the keys that service account tokens are signed with."""
    return {
        "issuer": ISSUER,
        "jwks_uri": f"https://{host}/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }
