"""Requests that are not about a resource: health, version, discovery, OpenAPI."""

import msgspec

from apps.simcluster import discovery, openapi_documents, openapi_v2
from apps.simcluster.access import Attributes, User
from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import PlainNotFound, forbidden_path, method_not_allowed
from apps.simcluster.messages import JSON, PLAIN, Request, Response, json_response
from apps.simcluster.negotiation import AGGREGATED, Form, document_form, negotiate
from apps.simcluster.outages import HEALTH, health
from apps.simcluster.schema import Json


def answer_path(cluster: Cluster, user: User, request: Request) -> Response:
    path = request.path
    if not cluster.access.decide(user, Attributes(request.method.lower(), path=path))[0]:
        raise forbidden_path(user.name, request.method.lower(), path)
    if path in HEALTH:
        return health(path, cluster.outage, verbose="verbose" in request.query)
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    parts = path.strip("/").split("/")
    if parts[0] in ("api", "apis") and len(parts) == 1:
        return _discovery_root(cluster, request, core=parts[0] == "api")
    if parts == ["openapi", "v3"]:  # the type is not stated by the real one either, but guessed from the text
        return Response(200, msgspec.json.encode(openapi_documents.openapi_index(cluster)), PLAIN)
    if parts[:2] == ["openapi", "v3"]:
        return _openapi(cluster, parts[2:], request)
    if parts == ["openapi", "v2"]:
        return _openapi_v2(cluster, request)
    return json_response(_document(cluster, parts, request))


def _openapi(cluster: Cluster, parts: list[str], request: Request) -> Response:
    """An OpenAPI document, or word that the one the client has is still good."""
    tag = f'"{openapi_documents.mark(cluster, "/".join(parts))}"'
    match parts:
        case ["version"]:
            document = openapi_documents.version_openapi(cluster)
        case ["api", version]:
            document = openapi_documents.openapi_document(cluster, "", version)
        case ["apis", group, version]:
            document = openapi_documents.openapi_document(cluster, group, version)
        case _:
            raise PlainNotFound
    if not document_form(request.headers.get("accept", ""), {JSON: JSON}):
        return Response(406, b"", PLAIN)
    if request.headers.get("if-none-match") == tag:
        return Response(304, headers=(("etag", tag),))
    return Response(200, msgspec.json.encode(document), headers=(("etag", tag),))


def _openapi_v2(cluster: Cluster, request: Request) -> Response:
    """The whole document in the form that the client takes; 406 without a word when it takes none."""
    form = document_form(request.headers.get("accept", ""), openapi_v2.FORMS)
    if not form:
        return Response(406, b"", PLAIN)
    mark, text = openapi_v2.openapi_v2(cluster, form)
    headers = (("etag", f'"{mark}"'), ("vary", "Accept"))
    if request.headers.get("if-none-match") == f'"{mark}"':
        return Response(304, headers=headers)
    return Response(200, text, form, headers)


def _document(cluster: Cluster, parts: list[str], request: Request) -> Json:
    match parts:
        case [""]:
            return discovery.root_paths(cluster)
        case ["version"]:
            return discovery.version_document(cluster)
        case ["api", version]:
            return discovery.resource_list(cluster, "", version)
        case ["apis", group]:
            return discovery.group_document(cluster, group)
        case ["apis", group, version]:
            return discovery.resource_list(cluster, group, version)
        case [".well-known", "openid-configuration"]:
            return discovery.openid_configuration(request.headers.get("host", ""))
        case ["openid", "v1", "jwks"] if cluster.access.tokens is not None:
            return cluster.access.tokens.public_keys()
    raise PlainNotFound


def _discovery_root(cluster: Cluster, request: Request, *, core: bool) -> Response:
    if negotiate(request.headers.get("accept", ""), discovery=True) is Form.DISCOVERY:
        document = discovery.aggregated(cluster, core=core)
        tag = discovery.etag(document)
        if request.headers.get("if-none-match") == tag:
            return Response(304, headers=(("etag", tag),))
        return Response(200, msgspec.json.encode(document), AGGREGATED, (("etag", tag),))
    host = request.headers.get("host", "")
    return json_response(discovery.api_versions(host) if core else discovery.group_list(cluster))
