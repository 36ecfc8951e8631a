"""A route of a VirtualService never gets a request, because an earlier one takes it.

Routes are tried from the top and the first match wins. What stands behind a route without a match, behind
`prefix: /`, or behind a match that takes at least as much is never reached: `/orders` behind `/`, a header
behind none. istioctl compares only prefixes and takes conditions for covering that are not (source labels
and gateways it does not look at); here every condition has to be covered by one earlier match. Two matches
of one route that cover each other lose nothing, since both lead to the same place, and are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Route, RouteMatch, VirtualService
from apps.mesh.references import MESH_GATEWAY
from apps.mesh.routematching import conditions, covers
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed

Taken = list[tuple[str, RouteMatch]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each route that loses all its matches, or some of them."""
    for route in context.snapshot.each(VirtualService):
        for protocol, found in (("http", route.http), ("tls", route.tls), ("tcp", route.tcp)):
            taken: Taken = []
            for place, part in enumerate(found):
                yield from _judge(route, f"spec.{protocol}[{place}]", part, taken)
                if part.answers != "delegate":  # what a delegate takes is not known from its root
                    path = f"spec.{protocol}[{place}]"
                    taken.extend((part.name or path, match) for match in conditions(part))


def _judge(route: VirtualService, path: str, part: Route, taken: Taken) -> Iterator[Finding]:
    bound = route.gateways or (MESH_GATEWAY,)
    lost: dict[int, str] = {}
    for place, match in enumerate(conditions(part)):
        earlier = next((name for name, wide in taken if covers(wide, match, bound)), "")
        if earlier:
            lost[place] = earlier
    if not lost:
        return
    whole = len(lost) == len(conditions(part))
    by = listed(dict.fromkeys(lost.values()))
    what = part.name or path
    some = f"{counted(len(lost), 'match', 'matches')} of {what} never {'holds' if len(lost) == 1 else 'hold'}"
    text = f"{what} never gets a request" if whole else some
    yield RULE.finding(
        f"{text}: {by} stands before and takes all of it. Move the narrower route to the front, or remove "
        "it.",
        route.ref,
        api_version=route.api_version,
        severity=Severity.WARNING if whole else Severity.INFO,
        path=path if whole else f"{path}.match[{min(lost)}]",
        key=path,
        references=("IST0130",) if whole else ("IST0131",),
    )


RULE = Rule(
    code="MC159",
    name="route-unreachable",
    severity=Severity.WARNING,
    title="A route never gets a request",
    inputs=frozenset({"VirtualService"}),
    doc=__doc__ or "",
    check=check,
    references=("IST0130", "IST0131"),
    no_remedy="Which of the routes should come first decides where calls go.",
)
