"""What a request asks for, in the words in which faults select requests.

It reads a request and decides nothing; a request that the server would refuse is described as far as it goes.
"""

import contextlib
from dataclasses import dataclass

import msgspec

from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import ApiError, PlainNotFound
from apps.simcluster.messages import Request, Route, parse_route
from apps.simcluster.options import APPLY, delete_options


@dataclass(frozen=True, slots=True)
class Asked:
    """A request by what it asks for. `verb` and what follows are empty when it is not about a resource.

    A server-side apply has the verb `apply`; every other PATCH is `patch`. The name of a creation is the one
    in its body.
    """

    method: str
    path: str
    user: str = ""  # empty: the credential is not accepted
    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    kind: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    dry_run: bool = False


class _Meta(msgspec.Struct):
    name: str = ""


class _Body(msgspec.Struct):
    metadata: _Meta


def asked(cluster: Cluster, request: Request) -> Asked:
    """Describe a request."""
    user = ""
    with contextlib.suppress(ApiError):
        user = cluster.access.authenticate(request).name
    route = parse_route(request.path)
    if route is None:
        return Asked(request.method, request.path, user)
    return Asked(
        method=request.method,
        path=request.path,
        user=user,
        verb="apply" if request.media_type == APPLY else route.verb(request),
        group=route.group,
        version=route.version,
        resource=route.resource,
        kind=_kind(cluster, route),
        subresource=route.subresource,
        namespace=route.namespace,
        name=route.name or _name(request),
        dry_run=_dry_run(request),
    )


def _kind(cluster: Cluster, route: Route) -> str:
    try:
        return cluster.find(route.group, route.version, route.resource).kind
    except (ApiError, PlainNotFound):
        return ""


def _name(request: Request) -> str:
    """The one name that a collection is asked for: by a field selector, or in the object to create."""
    if request.method != "POST":
        selector = request.param("fieldSelector")
        return selector.removeprefix("metadata.name=") if selector.startswith("metadata.name=") else ""
    try:
        return msgspec.json.decode(request.body, type=_Body).metadata.name
    except msgspec.DecodeError:
        return ""


def _dry_run(request: Request) -> bool:
    if request.method != "DELETE":
        return "All" in request.query.get("dryRun", [])
    try:
        return delete_options(request).dry_run
    except ApiError:
        return False
