"""Whether one condition of a route leaves anything for another: the first match wins in Istio.

Stricter than istioctl's check of overlaps (pkg/config/validation coveredValidation), which knows nothing
of gateways, source labels and schemes, and compares methods the wrong way round. Only certainty counts:
what several conditions cover together is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.mesh.hosts import subset_of
from apps.mesh.objects.networking import Route, RouteMatch, StringMatch
from apps.mesh.objects.selectors import is_subset

ANYTHING = RouteMatch()
_KNOWN = frozenset({"scheme", "headers", "withoutHeaders", "queryParams", "sourceSubnet"})
Strings = Mapping[str, StringMatch | None]


def conditions(part: Route) -> tuple[RouteMatch, ...]:
    """The matches of a route; one that takes everything where it has none."""
    return part.matches or (ANYTHING,)


def covers(wide: RouteMatch, narrow: RouteMatch, gateways: Sequence[str]) -> bool:
    """Whether everything that `narrow` takes is taken by `wide`. `gateways` are those of the
    VirtualService, which hold where a match names none."""
    if not set(wide.others) <= _KNOWN:
        return False
    if not set(narrow.gateways or gateways) <= set(wide.gateways or gateways):
        return False
    return _same_callers(wide, narrow) and _same_request(wide, narrow) and _same_connection(wide, narrow)


def takes_everything(match: RouteMatch) -> bool:
    """Whether it is a catch-all to Istio, which moves such routes of a gateway behind all others."""
    plain = not (match.authority or match.method or match.scheme or match.headers or match.others)
    uri = match.uri
    return plain and (uri is None or (uri.kind, uri.value) in {("prefix", "/"), ("regex", ".*")})


def _same_callers(wide: RouteMatch, narrow: RouteMatch) -> bool:
    return (
        (wide.port is None or wide.port == narrow.port)
        and is_subset(wide.source_labels, narrow.source_labels)
        and wide.source_namespace in {"", narrow.source_namespace}
        and wide.source_subnet in {"", narrow.source_subnet}
    )


def _same_request(wide: RouteMatch, narrow: RouteMatch) -> bool:
    return (
        _uri_holds(wide, narrow)
        and _holds(wide.authority, narrow.authority)
        and _holds(wide.method, narrow.method)
        and _holds(wide.scheme, narrow.scheme)
        and _all_hold(wide.headers, narrow.headers)
        and _all_hold(wide.query_params, narrow.query_params)
        and all(item in narrow.without_headers.items() for item in wide.without_headers.items())
    )


def _same_connection(wide: RouteMatch, narrow: RouteMatch) -> bool:
    named = not wide.sni_hosts or (
        bool(narrow.sni_hosts)
        and all(any(subset_of(host, other) for other in wide.sni_hosts) for host in narrow.sni_hosts)
    )
    subnets = set(wide.destination_subnets)
    return named and (
        not subnets or (bool(narrow.destination_subnets) and set(narrow.destination_subnets) <= subnets)
    )


def _all_hold(wide: Strings, narrow: Strings) -> bool:
    return all(name in narrow and _holds(item, narrow[name]) for name, item in wide.items())


def _uri_holds(wide: RouteMatch, narrow: RouteMatch) -> bool:
    if wide.uri is None or (wide.uri == narrow.uri and wide.ignore_uri_case is narrow.ignore_uri_case):
        return True
    if narrow.uri is None or wide.uri.kind == "regex":
        return False
    if wide.ignore_uri_case:
        return _holds(_lower(wide.uri), _lower(narrow.uri))
    return not narrow.ignore_uri_case and _holds(wide.uri, narrow.uri)


def _lower(match: StringMatch) -> StringMatch:
    return StringMatch(match.kind, match.value.lower())


def _holds(wide: StringMatch | None, narrow: StringMatch | None) -> bool:
    """Whether every text of `narrow` is one of `wide`; None takes every text."""
    if wide is None:
        return True
    if narrow is None:
        return False
    if wide == narrow:
        return True
    return (
        wide.kind == "prefix" and narrow.kind in {"exact", "prefix"} and narrow.value.startswith(wide.value)
    )
