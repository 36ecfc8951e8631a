"""VirtualServices as istiod indexes them: short names resolved, delegates merged into their roots.

Follows pilot/pkg/model/virtualservice.go (ResolveVirtualServiceShortnames, MergeHTTPRoutes, hasConflict).
Knows nothing of scopes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from apps.mesh.hosts import resolve_short_name
from apps.mesh.objects.networking import Rewrite, Route, RouteMatch, StringMatch, VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.visibility import visible_to

DELEGATE = "delegate"
_ANY = StringMatch("", "")


def index_routes(routes: Iterable[VirtualService], default: Sequence[str]) -> tuple[VirtualService, ...]:
    """Resolved and merged; a VirtualService without hosts only serves as a delegate. `default` is
    MeshConfig's export of VirtualServices."""
    resolved = [resolve_route(route) for route in routes]
    by_ref = {route.ref: route for route in resolved}
    return tuple(_merged(route, by_ref, default) for route in resolved if route.hosts)


def resolve_route(route: VirtualService) -> VirtualService:
    """Names without a dot become those of Services in the route's own namespace."""
    namespace = route.namespace
    parts = (*route.http, *route.tls, *route.tcp)
    goals = (goal.host for part in parts for goal in (*part.destinations, *part.mirrors))
    if all(resolve_short_name(host, namespace) == host for host in (*route.hosts, *goals)):
        return route
    return replace(
        route,
        hosts=tuple(resolve_short_name(host, namespace) for host in route.hosts),
        http=tuple(_resolve(part, namespace) for part in route.http),
        tls=tuple(_resolve(part, namespace) for part in route.tls),
        tcp=tuple(_resolve(part, namespace) for part in route.tcp),
    )


def _resolve(part: Route, namespace: str) -> Route:
    return replace(
        part,
        destinations=tuple(
            replace(item, host=resolve_short_name(item.host, namespace)) for item in part.destinations
        ),
        mirrors=tuple(replace(item, host=resolve_short_name(item.host, namespace)) for item in part.mirrors),
    )


def _merged(
    route: VirtualService, by_ref: Mapping[ResourceRef, VirtualService], default: Sequence[str]
) -> VirtualService:
    if not any(part.answers == DELEGATE for part in route.http):
        return route
    parts: list[Route] = []
    for part in route.http:
        if part.answers != DELEGATE:
            parts.append(part)
            continue
        namespace, name = part.delegate
        found = by_ref.get(ResourceRef("VirtualService", namespace or route.namespace, name))
        if found is None or found.hosts:
            continue
        exported = frozenset(found.export_to or default)
        if visible_to(exported, found.namespace, route.namespace):
            parts.extend(_under(part, found.http))
    return replace(route, http=tuple(parts))


def _under(root: Route, delegated: Sequence[Route]) -> Iterator[Route]:
    """The delegate's routes under the conditions of the root's, with what they do not say themselves of its
    fault, rewrite and headers. A route of which one match fits none of the root's is left out."""
    for part in delegated:
        met = _met(root.matches, part.matches)
        if met is None:
            continue
        rewrite = part.rewrite or root.rewrite
        abort = part.abort if "fault" in part.given else root.abort
        yield replace(
            part, matches=met, rewrite=rewrite, abort=abort, authority=_authority(root, part, rewrite)
        )


def _authority(root: Route, part: Route, rewrite: Rewrite | None) -> str:
    if rewrite is not None and rewrite.authority:
        return rewrite.authority.lower()
    return part.authority if "headers" in part.given else root.authority


def _met(above: Sequence[RouteMatch], below: Sequence[RouteMatch]) -> tuple[RouteMatch, ...] | None:
    """The conditions of both; None where one of the delegate's fits none of the root's."""
    if not above or not below:
        return tuple(below or above)
    both = [[_both(other, one) for other in above if not _conflict(other, one)] for one in below]
    return tuple(match for fitting in both for match in fitting) if all(both) else None


def _conflict(above: RouteMatch, below: RouteMatch) -> bool:
    """Whether the delegate's match is not within the root's (hasConflict)."""
    texts = [
        (getattr(above, name), getattr(below, name)) for name in ("uri", "scheme", "method", "authority")
    ]
    for name in ("headers", "without_headers", "query_params"):
        outer, inner = getattr(above, name), getattr(below, name)
        texts.extend((outer[key] or _ANY, inner[key] or _ANY) for key in outer.keys() & inner.keys())
    return (
        any(_apart(outer, inner) for outer, inner in texts)
        or above.ignore_uri_case != below.ignore_uri_case
        or bool(above.port and below.port and above.port != below.port)
        or above.source_namespace not in ("", below.source_namespace)
        or any(above.source_labels.get(key, value) != value for key, value in below.source_labels.items())
        or bool(above.gateways and not set(below.gateways) <= set(above.gateways))
    )


def _apart(outer: StringMatch | None, inner: StringMatch | None) -> bool:
    """Whether what the delegate asks of a text is not within what the root asks (stringMatchConflict)."""
    if outer is None or inner is None:
        return False
    if outer.kind == "exact" and outer.value:
        return inner != outer
    if outer.kind == "prefix" and outer.value and inner.kind in ("exact", "prefix") and inner.value:
        return not inner.value.startswith(outer.value)
    return True


def _both(above: RouteMatch, below: RouteMatch) -> RouteMatch:
    return RouteMatch(
        port=below.port or above.port,
        gateways=below.gateways or above.gateways,
        source_labels={**above.source_labels, **below.source_labels},
        source_namespace=below.source_namespace or above.source_namespace,
        uri=below.uri or above.uri,
        authority=below.authority or above.authority,
        method=below.method or above.method,
        scheme=below.scheme or above.scheme,
        headers={**above.headers, **below.headers},
        without_headers={**above.without_headers, **below.without_headers},
        query_params={**above.query_params, **below.query_params},
        ignore_uri_case=below.ignore_uri_case,
        others=tuple(dict.fromkeys((*above.others, *below.others))),
    )
