"""One route lists the same destination more than once.

The destinations of a route share its requests by weight. The same host, subset and port twice is one
destination whose weights add up, usually a copy in which the subset was not changed. Destinations on two
ports of a host differ, although Kiali takes them for one, and so does one that sets headers on the
requests it takes, which is a way to mark a share of the traffic.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import parts
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.objects.networking import VirtualService
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each destination of a route that comes again."""
    for route in context.snapshot.each(VirtualService):
        for _, path, part in parts(route):
            seen: set[tuple[str, str, int | None]] = set()
            for place, goal in enumerate(part.destinations):
                if goal.sets_headers:
                    continue
                key = (resolve_short_name(goal.host, route.namespace), goal.subset, goal.port)
                if key in seen:
                    what = f"{goal.host}, subset {goal.subset}" if goal.subset else goal.host
                    yield RULE.finding(
                        f"The route lists {what} more than once; the weights simply add up. If another "
                        "subset or host was meant, name it, otherwise join the two.",
                        route.ref,
                        api_version=route.api_version,
                        path=f"{path}.route[{place}].destination",
                        key=f"{path}.route[{place}]",
                    )
                seen.add(key)


RULE = Rule(
    code="MC154",
    name="destination-repeated",
    severity=Severity.WARNING,
    title="A route lists a destination twice",
    inputs=frozenset({"VirtualService"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA1105",),
    no_remedy="Usually a copy in which the subset was forgotten: which one was meant only the owner knows.",
)
