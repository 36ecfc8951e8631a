"""The OpenAPI v3 documents of a cluster: their index, and one a group and version.

Enough of them for kubectl to explain fields and to see that the server validates them. Of built-in kinds
only the stated fields are there, and no strategic merge patch is offered: kubectl then takes the merge keys
that it brings itself.
"""

import hashlib
from typing import Any

import msgspec

from apps.simcluster.cluster import DEFINITIONS, Cluster
from apps.simcluster.discovery import groups, version_document
from apps.simcluster.errors import PlainNotFound
from apps.simcluster.kinds import GROUP_CRD, Resource
from apps.simcluster.openapi import openapi_schema
from apps.simcluster.schema import BOOLEAN, OBJECT_META, STRING, Json, Node, Shape, whole

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_LIST_META = {
    "continue": STRING,
    "remainingItemCount": whole(),
    "resourceVersion": STRING,
    "selfLink": STRING,
}
LIST_META = Node(Shape.OBJECT, fields=_LIST_META)
VERSION_INFO = "io.k8s.apimachinery.pkg.version.Info"
_VERSION_NOTES = {
    "major": "major version of the binary version",
    "minor": "minor version of the binary version",
    "emulationMajor": "major version of the emulation version",
    "emulationMinor": "minor version of the emulation version",
    "minCompatibilityMajor": "major version of the minimum compatibility version",
    "minCompatibilityMinor": "minor version of the minimum compatibility version",
}
BEARER = {
    "type": "apiKey",
    "description": "Bearer Token authentication",
    "name": "authorization",
    "in": "header",
}


def openapi_index(cluster: Cluster) -> Json:
    """Where each document is, with a mark that changes with it."""
    names = [
        "api/v1",
        *(f"apis/{group}/{v}" for group, versions in groups(cluster).items() for v in versions),
    ]
    return {
        "paths": {
            name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={mark(cluster, name)}"}
            for name in [*names, "version"]
        }
    }


def mark(cluster: Cluster, name: str) -> str:
    """What a document hangs on, as one word: the version of the server and the definitions it serves."""
    served = [(item.key, item.revision) for item in cluster.store.each(DEFINITIONS)]
    return hashlib.sha512(msgspec.json.encode([name, cluster.git_version, served])).hexdigest().upper()


def version_openapi(cluster: Cluster) -> Json:
    """The document of the version endpoint."""
    known = version_document(cluster)
    properties = {name: _version_property(name) for name in sorted(known)}
    info = {
        "description": "Info contains versioning information. how we'll want to distribute that information.",
        "type": "object",
        "required": [name for name in known if "emulation" not in name and "Compat" not in name],
        "properties": properties,
    }
    responses = {
        "200": {"description": "OK", "content": {"application/json": {"schema": _reference(VERSION_INFO)}}},
        "401": {"description": "Unauthorized"},
    }
    operation = {
        "tags": ["version"],
        "description": "get the version information for this server",
        "operationId": "getCodeVersion",
        "responses": responses,
    }
    about = _about(cluster, custom=False)
    return _document(about, {"/version/": {"get": operation}}, {VERSION_INFO: info})


def _version_property(name: str) -> Json:
    found: Json = {"type": "string"}
    if name in _VERSION_NOTES:
        found["description"] = f"{name[0].upper()}{name[1:]} is the {_VERSION_NOTES[name]}"
    return found if name.startswith(("emulation", "min")) and name != "minor" else {**found, "default": ""}


def openapi_document(cluster: Cluster, group: str, version: str) -> Json:
    """The document of a group and version; raises the 404 of unknown ones."""
    served = [item for item in cluster.resources() if item.group == group and version in item.versions]
    if not served and group not in groups(cluster):
        raise PlainNotFound
    paths: Json = {}
    schemas: Json = {
        f"{META}.ObjectMeta": openapi_schema(OBJECT_META),
        f"{META}.ListMeta": openapi_schema(LIST_META),
    }
    for resource in served:
        paths |= _paths(resource, version)
        schemas |= _schemas(resource, version)
    about = _about(cluster, custom=bool(served) and all(item.custom for item in served))
    return _document(about, paths, schemas)


def _about(cluster: Cluster, *, custom: bool) -> Json:
    if custom:
        return {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"}
    version = version_document(cluster)
    return {"title": "Kubernetes", "version": f"{version['major']}.{version['minor']}"}


def _document(about: Json, paths: Json, schemas: Json) -> Json:
    components: Json = {"schemas": schemas}
    if about["title"] == "Kubernetes":
        components["securitySchemes"] = {"BearerToken": BEARER}
    return {"openapi": "3.0.0", "info": about, "paths": paths, "components": components}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _schema_name(resource: Resource, version: str) -> str:
    """The name Go's package gives a kind; of custom ones the group turned round."""
    if resource.custom:
        return f"{'.'.join(reversed(resource.group.split('.')))}.{version}.{resource.kind}"
    if resource.group == GROUP_CRD:
        return f"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{resource.kind}"
    return f"io.k8s.api.{resource.group.partition('.')[0] or 'core'}.{version}.{resource.kind}"


def _schemas(resource: Resource, version: str) -> Json:
    """The kind and the list of it."""
    name, kind = _schema_name(resource, version), _kind(resource, version)
    stated = openapi_schema(resource.schema, custom=resource.custom)
    stated["properties"]["metadata"] = {"allOf": [_reference(f"{META}.ObjectMeta")]}
    listed = {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "items": {"type": "array", "items": _reference(name)},
            "kind": {"type": "string"},
            "metadata": {"allOf": [_reference(f"{META}.ListMeta")]},
        },
        "x-kubernetes-group-version-kind": [{**kind, "kind": f"{resource.kind}List"}],
    }
    return {
        name: {**stated, "x-kubernetes-group-version-kind": [kind]},
        f"{name}List": listed,
    }


def _kind(resource: Resource, version: str) -> Json:
    return {"group": resource.group, "version": version, "kind": resource.kind}


def _paths(resource: Resource, version: str) -> Json:
    """The places of a resource and what can be done there."""
    base = f"/apis/{resource.group}/{version}" if resource.group else f"/api/{version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    whole_collection = {"get": _operation(resource, version, "list")}
    collection = dict(whole_collection)
    if "create" in resource.verbs:
        collection["post"] = _operation(resource, version, "post")
    if "deletecollection" in resource.verbs:
        collection["delete"] = _operation(resource, version, "deletecollection")
    one: Json = {
        verb: _operation(resource, version, verb)
        for verb, needed in (("get", "get"), ("put", "update"), ("patch", "patch"), ("delete", "delete"))
        if needed in resource.verbs
    }
    found = {f"{base}/{resource.plural}": whole_collection, f"{base}{scope}/{resource.plural}": collection}
    found[f"{base}{scope}/{resource.plural}/{{name}}"] = one
    for name in resource.subresources:
        if name == "status":
            changing: Json = {verb: one[verb] for verb in ("get", "put", "patch") if verb in one}
            found[f"{base}{scope}/{resource.plural}/{{name}}/status"] = changing
    return found


def _operation(resource: Resource, version: str, action: str) -> Json:
    names: tuple[str, ...] = ()
    if action in ("post", "put", "patch"):
        names = ("dryRun", "fieldManager", "fieldValidation")
    elif action == "delete":
        names = ("dryRun",)
    parameters = [_query(name) for name in names]
    if action == "patch":
        parameters.append({**_query("force"), "schema": openapi_schema(BOOLEAN)})
    shown = _schema_name(resource, version) + ("List" if action == "list" else "")
    content = {"application/json": {"schema": _reference(shown)}}
    return {
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _kind(resource, version),
    }


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
