"""Several DestinationRules hold for one host, and parts of them are ignored.

Rules of one namespace for the same host, exported and selecting alike, act as one: the subsets are put
together, but the traffic policy is that of the oldest rule that has one, and of two subsets with one name the
older stays (pilot/pkg/model/destination_rule.go mergeDestinationRule). Rules that are exported differently
are not merged: clients of the namespace follow one of them only. Rules of different namespaces are not merged
either, which is meant: a client's own namespace comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.mesh.destinationrules import DestinationRules, MergedRule
from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.planes import namespace_planes
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule of which something is ignored."""
    planes = context.snapshot.derived(namespace_planes)
    indexes = context.snapshot.derived(DestinationRules)
    rules = in_force(context.snapshot, DestinationRule)
    for namespace in sorted({rule.namespace for rule in rules}):
        for together in indexes.of(planes.of(namespace)).acting_in(namespace):
            for merged in together:
                yield from _within(merged)
            yield from _beside(together)


def _within(merged: MergedRule) -> Iterator[Finding]:
    for rule in merged.rules[1:]:
        policy = rule.policy_given and merged.deciding is not rule
        subsets = [
            item.name
            for item in rule.subsets
            if (kept := merged.subset(item.name)) is not None and kept[0] is not rule
        ]
        if not policy and not subsets:
            continue
        lost = [*(["the trafficPolicy"] if policy else []), *(f"subset {name}" for name in subsets)]
        first = next((place for place, item in enumerate(rule.subsets) if item.name in subsets), 0)
        yield RULE.finding(
            f"Of this rule {listed(lost)} is ignored, as an older one for {rule.host} has its own: "
            f"{listed(str(other.ref) for other in merged.rules if other is not rule)}. Join the rules.",
            rule.ref,
            api_version=rule.api_version,
            path="spec.trafficPolicy" if policy else f"spec.subsets[{first}]",
        )


def _beside(together: Sequence[MergedRule]) -> Iterator[Finding]:
    """Of groups that are not merged the last one counts (sidecar.go, SidecarScope.DestinationRule)."""
    plain = [merged for merged in together if merged.selector is None]
    for merged in plain[:-1]:
        rule = merged.rules[0]
        yield RULE.finding(
            f"Clients in {rule.namespace} follow {plain[-1].rules[0].ref} for {rule.host} and nothing of "
            "this "
            "rule, as the two are exported differently and so are not merged. Give both the same "
            "exportTo, or "
            "join them.",
            rule.ref,
            api_version=rule.api_version,
            path="spec.exportTo",
            key="exportTo",
        )


RULE = Rule(
    code="MC165",
    name="rules-of-host-ignored",
    severity=Severity.WARNING,
    title="Parts of a DestinationRule are ignored",
    inputs=INPUTS | {"DestinationRule"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0201",),
    no_remedy="Which of the rules is meant decides how calls are sent.",
)
