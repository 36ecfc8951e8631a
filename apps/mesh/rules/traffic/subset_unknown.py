"""A route leads to a subset that no DestinationRule in force defines.

A subset is a name that a DestinationRule gives to some of a host's endpoints, and the proxies of a client
look for that rule in their own namespace, then in the host's, then in the mesh's root namespace
(pilot/pkg/model/push_context.go destinationRule). In the first of them that has a rule for the host the
search ends: subsets of the others are not added. A route to a subset that is not found gets a 503.

A rule in any other namespace is found by the clients of that namespace only. Where a VirtualService is
followed everywhere, that is a warning if clients of its own namespace, or of the host's that it is for, do
not find the subset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.mesh.destinationrules import rule_in_force
from apps.mesh.destinations import RoutedTo, destinations, exported, followers, named, told_by
from apps.mesh.egress.services import RegistryService
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard, resolve_short_name, subset_of
from apps.mesh.inforce import in_force
from apps.mesh.knownhosts import INPUTS, knows
from apps.mesh.objects.networking import DestinationRule, VirtualService
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import PUBLIC, visible_to


@dataclass(slots=True)
class _Defining:
    """The rules that define a subset, by host; wildcards apart, of which there are few."""

    exact: dict[str, list[DestinationRule]] = field(default_factory=dict)
    wide: dict[str, list[DestinationRule]] = field(default_factory=dict)

    def of(self, host: str) -> list[DestinationRule]:
        """The rules of the host itself, and of wildcards that hold it."""
        above = (rules for wildcard, rules in self.wide.items() if subset_of(host, wildcard))
        return [*self.exact.get(host, ()), *(rule for rules in above for rule in rules)]


Services = tuple[RegistryService, ...]
Defining = dict[str, _Defining]


def judge(context: RuleContext, route: VirtualService) -> Iterator[Finding]:
    """One finding for each host and subset."""
    if context.snapshot.missing("DestinationRule") is not None:
        return
    goals: dict[tuple[str, str], RoutedTo] = {}
    for goal in sorted(destinations(route), key=told_by):
        if goal.target.subset:
            goals.setdefault((goal.host, goal.target.subset), goal)
    for goal in goals.values():
        yield from _judge(context, goal, context.snapshot.derived(_defining))


def _defining(snapshot: Snapshot) -> Defining:
    found: Defining = {}
    for rule in in_force(snapshot, DestinationRule):
        for subset in rule.subsets:
            host = resolve_short_name(rule.host, rule.namespace)
            known = found.setdefault(subset.name, _Defining())
            (known.wide if is_wildcard(host) else known.exact).setdefault(host, []).append(rule)
    return found


def _judge(context: RuleContext, goal: RoutedTo, defining: Defining) -> Iterator[Finding]:
    route, subset = goal.route, goal.target.subset
    services = named(context.snapshot, goal.host, route.namespace)
    if not services:
        return
    rules = defining[subset].of(goal.host) if subset in defining else []
    if any(rule.selector is not None for rule in rules):
        return
    asking = followers(context.snapshot, route)
    everywhere = asking is None
    if asking is None:
        near = {route.namespace, *(item.namespace for item in services), *(rule.namespace for rule in rules)}
        asking = frozenset(near)
    if not rules and not knows(context.snapshot, DestinationRule, services[0].namespace):
        return
    if any(_defines(context, client, service, subset) for client in asking for service in services):
        if everywhere:
            yield from _for_some_only(context, goal, services, rules)
        return
    if rules:
        reason = (
            f"{listed(str(rule.ref) for rule in rules)} defines it, but clients in {listed(sorted(asking))} "
            "go by another rule, or do not see that one"
        )
        way_out = "Define it in the rule that they use."
    else:
        reason = f"no DestinationRule for {goal.host} defines it"
        way_out = "Add the subset to one, or correct the name."
    yield RULE.finding(
        f"The route leads to subset {subset} of {goal.target.host}: {reason}, so that {goal.effect}. "
        f"{way_out}",
        route.ref,
        api_version=route.api_version,
        severity=Severity.WARNING if goal.mirror else Severity.ERROR,
        path=f"{goal.path}.subset",
        key=f"{goal.host} {subset}",
    )


def _for_some_only(
    context: RuleContext, goal: RoutedTo, services: Services, rules: list[DestinationRule]
) -> Iterator[Finding]:
    route, subset = goal.route, goal.target.subset
    if not goal.in_mesh or PUBLIC not in exported(context.snapshot, route):
        return
    called = (resolve_short_name(host, route.namespace) for host in route.hosts)
    owners = {item.namespace for host in called for item in named(context.snapshot, host, route.namespace)}
    without = [
        client
        for client in sorted({route.namespace, *owners})
        if any(visible_to(item.exported, item.namespace, client) for item in services)
        and not any(_defines(context, client, item, subset) for item in services)
    ]
    if without:
        home = listed(sorted({item.namespace for item in services}))
        yield RULE.finding(
            f"The route leads to subset {subset} of {goal.target.host}, which clients in {listed(without)} "
            f"do not find, so that {goal.effect} there: {listed(str(rule.ref) for rule in rules)} defines it "
            f"for others. Define it in namespace {home}, or export the VirtualService to fewer.",
            route.ref,
            api_version=route.api_version,
            severity=Severity.WARNING,
            path=f"{goal.path}.subset",
            key=f"{goal.host} {subset}",
        )


def _defines(context: RuleContext, client: str, service: RegistryService, subset: str) -> bool:
    merged = rule_in_force(context.snapshot, client, {}, service.host, service.namespace)
    return merged is not None and merged.subset(subset) is not None


RULE = Rule(
    code="MC156",
    name="subset-unknown",
    severity=Severity.ERROR,
    title="A route leads to a subset that nobody defines",
    inputs=INPUTS | {"DestinationRule", "Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=OneByOne(VirtualService, judge),
    references=("KIA1107", "IST0101"),
    no_remedy="Whether the name is wrong or the subset is missing cannot be seen.",
)
