"""Several VirtualServices hold for the same host, and one of them is not followed.

Sidecars follow one VirtualService for a host: one that is exported only to the own namespace before one
that is exported to several, then to all, and the oldest of those alike (pilot/pkg/model/virtualservice.go
SelectVirtualServices). The others are ignored, not merged. One that is exported to fewer and so replaces a
public one in another namespace may be meant, and is a hint. Gateways do merge the HTTP routes, the oldest
object first and catch-alls last, so that only what an older one takes already is lost there. A wildcard next
to an exact name is no conflict: the narrower one holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from apps.mesh.destinations import exported, for_sidecars, gateway_takes, gateways_of
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.inforce import INPUTS, in_force, together
from apps.mesh.objects.networking import Gateway, Route, RouteMatch, VirtualService
from apps.mesh.references import gateway_ref
from apps.mesh.refs import ResourceRef
from apps.mesh.routematching import conditions, covers, takes_everything
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import seniority
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import PUBLIC

_ELSEWHERE = "It is exported to fewer, and so goes before this one; take it out if that is not meant."
Claims = dict[tuple[str, ResourceRef | None], list[VirtualService]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService that loses, and the one that it loses to."""
    found: dict[tuple[ResourceRef, str], Finding] = {}
    for (host, gateway), routes in sorted(_claims(context).items(), key=str):
        for one, other in combinations(sorted(routes, key=lambda item: item.age_key), 2):
            if not together(one, other):
                continue
            if gateway is None:
                loss = _at_sidecars(context.snapshot, host, one, other)
            else:
                loss = _at_gateway(host, gateway, one, other)
            if loss is not None:
                found.setdefault((loss.ref, loss.key), loss)
    yield from found.values()


def _claims(context: RuleContext) -> Claims:
    """The VirtualServices of each host and gateway; None stands for the sidecars."""
    claims: Claims = {}
    for route in in_force(context.snapshot, VirtualService):
        if not route.hosts:
            continue
        bound: list[ResourceRef | None] = [None] if for_sidecars(route) else []
        for gateway in (*bound, *gateways_of(route)):
            for host in _arriving(context, route, gateway):
                claims.setdefault((resolve_short_name(host, route.namespace), gateway), []).append(route)
    return {key: routes for key, routes in claims.items() if len(routes) > 1}


def _arriving(context: RuleContext, route: VirtualService, ref: ResourceRef | None) -> Iterator[str]:
    """The hosts of a VirtualService for which requests come in; a Gateway that is not there takes none."""
    if ref is None:
        yield from dict.fromkeys(route.hosts)
        return
    gateway = context.snapshot.get(ref)
    if isinstance(gateway, Gateway):
        yield from (h for h in dict.fromkeys(route.hosts) if gateway_takes(gateway, h, route.namespace))


def _at_sidecars(snapshot: Snapshot, host: str, one: VirtualService, other: VirtualService) -> Finding | None:
    """The older is `one`."""
    fields = [name for name in ("http", "tcp") if getattr(one, name) and getattr(other, name)]
    if not fields and not _same_names(one.tls, other.tls):
        return None
    seen_one, seen_other = exported(snapshot, one), exported(snapshot, other)
    viewers = (
        seen_other if PUBLIC in seen_one else seen_one if PUBLIC in seen_other else seen_one & seen_other
    )
    if not viewers:
        return None
    viewer = min(viewers)
    first, second = _rank(seen_one, one, viewer), _rank(seen_other, other, viewer)
    loser, winner = (other, one) if first <= second else (one, other)
    where = "" if viewer == PUBLIC else f" for clients in {viewer}"
    elsewhere = first != second and viewer != loser.namespace
    return RULE.finding(
        f"Sidecars follow {winner.ref} for {host}{where}; the {' and '.join(fields) or 'tls'} routes "
        f"of this one are ignored{' there' if elsewhere else ''}, not merged. "
        f"{_ELSEWHERE if elsewhere else 'Put all routes for the host into one VirtualService.'}",
        loser.ref,
        api_version=loser.api_version,
        severity=Severity.INFO if elsewhere else Severity.WARNING,
        path="spec.hosts",
        key=f"{winner.ref.path} mesh",
    )


def _rank(seen: frozenset[str], route: VirtualService, viewer: str) -> int:
    if PUBLIC in seen:
        return 2
    return 0 if viewer == route.namespace else 1


def _same_names(one: Sequence[Route], other: Sequence[Route]) -> bool:
    """Whether TLS routes of both ask for one server name."""
    first, second = (
        {host for part in routes for match in part.matches for host in match.sni_hosts}
        for routes in (one, other)
    )
    return bool(first & second)


def _at_gateway(
    host: str, gateway: ResourceRef, older: VirtualService, younger: VirtualService
) -> Finding | None:
    lost = _lost(older, younger, gateway)
    if not lost and not _same_names(older.tls, younger.tls):
        return None
    return RULE.finding(
        f"At Gateway {gateway.path} {older.ref}, which {seniority(older, younger)}, already takes for {host} "
        "what this one routes there, so that it never comes to it. Put the routes into one VirtualService, "
        "or make the matches differ.",
        younger.ref,
        api_version=younger.api_version,
        path=lost or "spec.tls",
        key=f"{older.ref.path} gateway",
    )


def _lost(older: VirtualService, younger: VirtualService, gateway: ResourceRef) -> str:
    """The first HTTP route of the younger whose every match is taken by the older; "" for none. What a
    delegate takes is not known from its root."""
    known = (part for part in older.http if part.answers != "delegate")
    taken = [match for part in known for match in _at(part, older, gateway)]
    for place, part in enumerate(younger.http):
        mine = _at(part, younger, gateway)
        if mine and all(_taken(match, taken) for match in mine):
            return f"spec.http[{place}]"
    return ""


def _at(part: Route, route: VirtualService, gateway: ResourceRef) -> list[RouteMatch]:
    """The conditions that hold at the gateway, freed from its name."""
    return [
        replace(match, gateways=())
        for match in conditions(part)
        if not match.gateways or gateway in {gateway_ref(name, route.namespace) for name in match.gateways}
    ]


def _taken(match: RouteMatch, taken: Sequence[RouteMatch]) -> bool:
    """A catch-all stands behind all other routes, so it takes nothing from them."""
    before = (wide for wide in taken if takes_everything(match) or not takes_everything(wide))
    return any(covers(wide, match, ()) for wide in before)


RULE = Rule(
    code="MC155",
    name="hosts-claimed-twice",
    severity=Severity.WARNING,
    title="Two VirtualServices claim one host",
    inputs=INPUTS | {"Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1106", "IST0109"),
    no_remedy="Which of the two routes should win decides where calls go.",
)
