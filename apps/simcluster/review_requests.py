"""Requests whose answer is a review or a token: nothing is stored, so they take a road of their own."""

from apps.simcluster import protobuf
from apps.simcluster.access import User
from apps.simcluster.cluster import Cluster
from apps.simcluster.decoding import BodyError, parse_json
from apps.simcluster.errors import PlainNotFound, bad_request, method_not_allowed, not_found
from apps.simcluster.kinds import Resource
from apps.simcluster.messages import Request, Response, Route, json_response
from apps.simcluster.options import default_manager
from apps.simcluster.reviews import self_access, self_rules, self_subject
from apps.simcluster.schema import Json
from apps.simcluster.token_reviews import token_request, token_review


def json_body(request: Request) -> Json:
    try:
        if request.media_type == protobuf.MEDIA_TYPE:
            return protobuf.decode(request.body)
        body = parse_json(request.body).value
    except BodyError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: json: cannot unmarshal array")
    return body


def review(cluster: Cluster, user: User, route: Route, request: Request) -> Response:
    if request.method != "POST":
        raise method_not_allowed()
    body = json_body(request)
    if route.resource == "selfsubjectreviews":
        return json_response(self_subject(user, cluster.timestamp()), 201)
    manager = request.param("fieldManager") or default_manager(request)
    if route.resource == "tokenreviews":
        return json_response(token_review(cluster.access, body, manager, cluster.timestamp()), 201)
    if route.resource == "selfsubjectaccessreviews":
        review = self_access(cluster.access, user, body, manager, cluster.timestamp())
        return json_response(review, 201)
    if route.resource == "selfsubjectrulesreviews":
        return json_response(self_rules(cluster.access, user, body), 201)
    raise PlainNotFound


def issue_token(cluster: Cluster, resource: Resource, route: Route, request: Request) -> Response:
    account = cluster.store.get(resource.key, route.namespace, route.name)
    if account is None:
        raise not_found(resource.target(route.name))
    if cluster.access.tokens is None:
        raise method_not_allowed()
    manager = request.param("fieldManager") or default_manager(request)
    body, timestamp = json_body(request), cluster.timestamp()
    return json_response(token_request(cluster.access.tokens, account, body, manager, timestamp), 201)
