"""One request to one answer: authentication, authorisation, and the verb on the resource.

Everything up to the answer is synchronous work on the cluster's state; only a watch comes back as a stream.
"""

from collections.abc import Callable
from dataclasses import replace as changed

import msgspec

from apps.simcluster import admission, protobuf
from apps.simcluster.access import Attributes, User
from apps.simcluster.bodies import read_object
from apps.simcluster.cluster import Cluster
from apps.simcluster.deleting import delete, delete_collection
from apps.simcluster.errors import (
    ApiError,
    PlainNotFound,
    Target,
    bad_request,
    conflict,
    forbidden,
    method_not_allowed,
    not_found,
    too_large_version,
)
from apps.simcluster.kinds import Resource
from apps.simcluster.listing import find, in_form, render, version_number
from apps.simcluster.messages import (
    PLAIN,
    Request,
    Response,
    Route,
    json_response,
    parse_route,
    warning_headers,
)
from apps.simcluster.negotiation import Form, negotiate
from apps.simcluster.options import delete_options, write_options
from apps.simcluster.patches import patch
from apps.simcluster.paths import answer_path
from apps.simcluster.review_requests import issue_token, json_body, review
from apps.simcluster.scaling import scale_of, set_scale
from apps.simcluster.schema import Json
from apps.simcluster.tables import metadata_only
from apps.simcluster.watching import WatchRequest, prepare
from apps.simcluster.writes import Write, Written, check_place
from apps.simcluster.writing import create, replace

MAX_BODY_BYTES = 3_145_728
NOT_ACCEPTABLE = 406
_OPTIONS_KIND = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}


def handle(cluster: Cluster, request: Request) -> Response | WatchRequest:
    """Answer a request; refusals come back as responses. Raises `NoAnswer` where the server gives none."""
    try:
        user = cluster.access.authenticate(request)
        route = parse_route(request.path)
        if route is None:
            return answer_path(cluster, user, request)
        may = _authorizer(cluster, user)
        may(_attributes(route, request))
        return _resource_request(cluster, user, route, request, may)
    except ApiError as error:
        if error.status == NOT_ACCEPTABLE and request.headers.get("accept") == protobuf.MEDIA_TYPE:
            return Response(error.status, protobuf.encode_status(error.body()), protobuf.MEDIA_TYPE)
        return refusal(error)
    except PlainNotFound:
        return Response(404, PlainNotFound.BODY, PLAIN)


def refusal(error: ApiError) -> Response:
    headers = (("retry-after", str(error.retry_after)),) if error.retry_after else ()
    return Response(error.status, msgspec.json.encode(error.body()), headers=headers)


def _attributes(route: Route, request: Request) -> Attributes:
    name = route.name
    if not name:
        selector = request.param("fieldSelector")
        name = selector.removeprefix("metadata.name=") if selector.startswith("metadata.name=") else ""
    verb = route.verb(request)
    return Attributes(verb, route.group, route.resource, route.subresource, route.namespace, name)


def _authorizer(cluster: Cluster, user: User) -> Callable[[Attributes], None]:
    def may(asked: Attributes) -> None:
        if not cluster.access.decide(user, asked)[0]:
            target = Target(asked.group, asked.resource, "", asked.name)
            raise forbidden(
                target,
                user=user.name,
                verb=asked.verb,
                subresource=asked.subresource,
                namespace=asked.namespace or None,
            )

    return may


def _resource_request(
    cluster: Cluster, user: User, route: Route, request: Request, may: Callable[[Attributes], None]
) -> Response | WatchRequest:
    if route.group in ("authentication.k8s.io", "authorization.k8s.io"):
        return review(cluster, user, route, request)
    resource = cluster.find(route.group, route.version, route.resource)
    if resource.key == "namespaces":
        route = changed(route, namespace="")
    if not resource.namespaced and route.namespace:
        raise _wrong_scope(resource)
    if resource.namespaced and not route.namespace and (route.name or request.method == "POST"):
        raise _wrong_scope(resource)
    if route.subresource and route.subresource not in resource.subresources:
        raise not_found(resource.target(route.name))
    if route.subresource == "token" and request.method != "POST":
        raise method_not_allowed()
    if request.method in ("GET", "HEAD"):
        return _read(cluster, resource, route, request)
    if request.method == "DELETE":
        return _delete(cluster, user, resource, route, request)
    if request.method not in _OPTIONS_KIND:
        raise _bad_method(resource)
    return _write(cluster, user, resource, route, request, may)


def _wrong_scope(resource: Resource) -> Exception:
    if resource.custom:
        return PlainNotFound()
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def _bad_method(resource: Resource) -> ApiError:
    if not resource.custom:
        return method_not_allowed()
    target = resource.target()
    text = f' is not supported on resources of kind "{target.qualified_resource}"'
    return ApiError(405, "MethodNotAllowed", text, details=target.details())


def _read(cluster: Cluster, resource: Resource, route: Route, request: Request) -> Response | WatchRequest:
    form = negotiate(request.headers.get("accept", ""))
    watching = route.watch or request.flag("watch")
    if request.method == "HEAD" and not resource.custom:
        raise method_not_allowed()
    if watching:
        return prepare(cluster, resource, route.version, route.namespace, route.name, form, request)
    if not route.name:
        page = find(cluster, resource, route.namespace, request)
        return render(cluster, resource, route.version, page, form, request)
    asked = version_number(request.param("resourceVersion"))
    if asked > cluster.store.revision:
        raise too_large_version(asked, cluster.store.revision)
    stored = cluster.store.stored(resource.key, route.namespace, route.name)
    if stored is None:
        raise not_found(resource.target(route.name))
    if route.subresource == "log":
        return Response(204, b"", PLAIN)
    if route.subresource == "scale":
        return json_response(scale_of(stored.object()))
    if form is Form.METADATA:
        return Response(200, metadata_only(stored))
    if form is Form.TABLE:
        page = find(cluster, resource, route.namespace, _only(request, route.name))
        return render(cluster, resource, route.version, page, form, request)
    return in_form(stored.encoded(resource.api_version(route.version), resource.kind), form)


def _only(request: Request, name: str) -> Request:
    return changed(request, query={"fieldSelector": [f"metadata.name={name}"]})


def _write(
    cluster: Cluster,
    user: User,
    resource: Resource,
    route: Route,
    request: Request,
    may: Callable[[Attributes], None],
) -> Response:
    _check_size(request)
    if request.method == "POST" and route.name and not resource.custom and route.subresource != "token":
        raise method_not_allowed()
    if request.method != "POST" and not route.name:
        raise bad_request("name must be provided") if resource.custom else method_not_allowed()
    options = write_options(request, _OPTIONS_KIND[request.method])
    if route.subresource == "token":
        return issue_token(cluster, resource, route, request)
    write = Write(
        cluster, resource, route.version, route.namespace, route.name, options, route.subresource, user
    )
    if route.subresource == "scale":
        done = set_scale(write, json_body(request))
        return json_response(done.obj, warnings=done.warnings)
    if request.method == "PATCH":
        done = patch(write, request, may)
    else:
        body = read_object(request, resource, route.version, options.validation)
        check_place(write, body.obj)
        if request.method == "POST":
            done = create(changed(write, name=""), _plain(body.obj), warnings=body.warnings)
        else:
            done = _put(write, _plain(body.obj), body.warnings)
    whole = {"apiVersion": write.api_version, "kind": resource.kind, **done.obj}
    return Response(
        201 if done.created else 200, msgspec.json.encode(whole), headers=warning_headers(done.warnings)
    )


def _plain(obj: Json) -> Json:
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}


def _put(write: Write, after: Json, warnings: tuple[str, ...]) -> Written:
    with write.cluster.store.lock:
        before = write.cluster.store.get(write.resource.key, write.namespace, write.name)
        if before is None:
            raise not_found(write.target)
        uid, known = after["metadata"].get("uid"), before["metadata"]["uid"]
        if uid and uid != known:
            key = f"/registry/{write.resource.plural}/{write.namespace}/{write.name}"
            why = (
                f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {known}"
            )
            raise conflict(write.target, why)
        done = replace(write, before, after)
        return Written(done.obj, (*warnings, *done.warnings))


def _check_size(request: Request) -> None:
    if len(request.body) > MAX_BODY_BYTES:
        text = f"Request entity too large: limit is {MAX_BODY_BYTES}"
        raise ApiError(413, "RequestEntityTooLarge", text)


def _delete(cluster: Cluster, user: User, resource: Resource, route: Route, request: Request) -> Response:
    if route.subresource or (not route.name and "deletecollection" not in resource.verbs):
        raise _bad_method(resource)
    options = delete_options(request)
    if route.name:
        admission.admit_deletion(cluster, user, resource, route, options)
        obj, status = delete(cluster, resource, route.namespace, route.name, options)
        if obj is None:
            return json_response(status)
        return json_response(
            {"apiVersion": resource.api_version(route.version), "kind": resource.kind, **obj}
        )
    query = {
        name: values for name, values in request.query.items() if name in ("labelSelector", "fieldSelector")
    }
    page = find(cluster, resource, route.namespace, changed(request, query=query))
    delete_collection(cluster, resource, page.items, options)
    return render(cluster, resource, route.version, page, Form.JSON, request)
