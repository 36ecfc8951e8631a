"""The one OpenAPI v2 document of a cluster, which kubectl up to 1.29 reads: its v3 documents in older words.

What v2 cannot say is left out as a real server leaves it out. It states nothing of its own about kinds.
"""

from typing import Any

import msgspec

from apps.simcluster.cluster import Cluster
from apps.simcluster.discovery import groups
from apps.simcluster.openapi_documents import BEARER, mark, openapi_document, version_openapi
from apps.simcluster.openapi_protobuf import encode_document
from apps.simcluster.schema import Json

JSON_FORM = "application/json"
PROTOBUF_FORM = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
# What a client may name, and the form it gets: the "@" of older clients is in no media type.
FORMS = {
    JSON_FORM: JSON_FORM,
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf": PROTOBUF_FORM,
    PROTOBUF_FORM: PROTOBUF_FORM,
}
_OPEN = "x-kubernetes-preserve-unknown-fields"


def openapi_v2(cluster: Cluster, form: str) -> tuple[str, bytes]:
    """The mark and the text of the document in one of the `FORMS`; made once for a set of definitions."""
    now, name = mark(cluster, f"v2 {form}"), f"openapi {form}"
    known = cluster.documents.get(name)
    if known is None or known[0] != now:
        document = v2_document(cluster)
        text = encode_document(document) if form == PROTOBUF_FORM else msgspec.json.encode(document)
        known = cluster.documents[name] = (now, text)
    return known


def v2_document(cluster: Cluster) -> Json:
    """All groups and versions in one document."""
    served = [("", "v1"), *((group, v) for group, versions in groups(cluster).items() for v in versions)]
    documents = [openapi_document(cluster, group, version) for group, version in served]
    paths: Json = {}
    schemas: Json = {}
    for document in (*documents, version_openapi(cluster)):
        paths |= document["paths"]
        schemas |= document["components"]["schemas"]
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": cluster.git_version},
        "paths": {path: _path(item) for path, item in sorted(paths.items())},
        "definitions": {name: v2_schema(schema) for name, schema in sorted(schemas.items())},
        "securityDefinitions": {"BearerToken": BEARER},
        "security": [{"BearerToken": []}],
    }


def v2_schema(schema: Json) -> Json:
    """A schema without what v2 lacks: alternatives, and fields of objects that take others too.

    kubectl takes stated fields for all there are, so an object that takes others states none.
    """
    if list(schema) == ["allOf"]:
        return v2_schema(schema["allOf"][0])
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/definitions/")}
    found = {name: value for name, value in schema.items() if name != "anyOf"}
    if schema.get(_OPEN):
        found = {name: value for name, value in found.items() if name not in ("properties", "required")}
    if "properties" in found:
        found["properties"] = {name: v2_schema(below) for name, below in found["properties"].items()}
    for name in ("items", "additionalProperties"):
        if name in found:
            found[name] = v2_schema(found[name])
    return found


def _path(item: Json) -> Json:
    return {verb: _operation(operation) for verb, operation in item.items()}


def _operation(operation: Json) -> Json:
    found = dict(operation)
    if "parameters" in found:
        found["parameters"] = [_parameter(row) for row in found["parameters"]]
    found["responses"] = {code: _response(answer) for code, answer in found["responses"].items()}
    return found


def _parameter(row: Json) -> dict[str, Any]:
    """In v2 a parameter is its own schema."""
    return {**row["schema"], **{name: value for name, value in row.items() if name != "schema"}}


def _response(answer: Json) -> Json:
    found: Json = {"description": answer["description"]}
    if "content" in answer:
        found["schema"] = v2_schema(answer["content"]["application/json"]["schema"])
    return found
