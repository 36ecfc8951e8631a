"""The weights of a route do not mean what they look like.

Weights are shares of their sum, not percentages: `1` and `3` are a quarter and three quarters, and only a sum
near 100 looks like a mistake. The weight of a single destination is ignored, it gets everything, `weight: 0`
too. Among several destinations one without a weight gets nothing, as an absent weight is 0. All weights 0 is
refused by istiod's validation (pkg/config/validation validateHTTPRouteDestinations; pilot route.go for the
rest).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import parts
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Route, VirtualService
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

WHOLE = 100


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each route."""
    for route in context.snapshot.each(VirtualService):
        for _, path, part in parts(route):
            judged = _judge(part)
            if judged is not None:
                severity, message, field = judged
                yield RULE.finding(
                    message,
                    route.ref,
                    api_version=route.api_version,
                    severity=severity,
                    path=f"{path}.{field}",
                    key=path,
                )


def _judge(part: Route) -> tuple[Severity, str, str] | None:
    """How bad it is, what is wrong and in which field."""
    goals = part.destinations
    if len(goals) == 1:
        if not goals[0].weight_given or goals[0].weight == WHOLE:
            return None
        text = (
            f"The only destination has weight {goals[0].weight}, which is ignored: it gets all requests. "
            "Remove the weight, or add the destination that gets the rest."
        )
        return Severity.WARNING, text, "route[0].weight"
    if not goals:
        return None
    total = sum(goal.weight for goal in goals)
    if total == 0:
        text = "The weights of the destinations add up to 0, which istiod refuses. Give them weights."
        return Severity.ERROR, text, "route"
    silent = [place for place, goal in enumerate(goals) if not goal.weight_given]
    if silent:
        hosts = listed(goals[place].host for place in silent)
        text = (
            f"{hosts} has no weight next to others that have one, and so gets no request. Write its share, "
            "or weight: 0 if nothing is meant to go there."
        )
        return Severity.WARNING, text, f"route[{silent[0]}]"
    if total != WHOLE and WHOLE < 2 * total < 4 * WHOLE:
        shares = listed(f"{round(WHOLE * goal.weight / total)} % to {goal.host}" for goal in goals)
        text = (
            f"The weights add up to {total}; they are shares of that sum: {shares}. Make them add up to 100."
        )
        return Severity.INFO, text, "route"
    return None


RULE = Rule(
    code="MC153",
    name="weights-mislead",
    severity=Severity.ERROR,
    title="The weights of a route are not what they look like",
    inputs=frozenset({"VirtualService"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA1104",),
    no_remedy="What the weights should be only the owner of the routes knows.",
)
