"""A namespace has a Sidecar of its own and one of Speedscale's operator, and only one of them counts.

In the mode `dual` Speedscale's operator writes an Istio Sidecar object into the application's namespace,
which leads inbound traffic through its proxy. Sidecars are not merged: of several without a workload
selector in a namespace the oldest is in force, and the others are not looked at
(pilot/pkg/model/push_context.go, initSidecarScopes). Either the operator's has no effect, and inbound
traffic is not captured, or the namespace's own, and with it its list of imported services.

The operator's object is not to be edited; it would be written again. Give the namespace's own one a workload
selector that leaves the captured workload out, or merge what it says and remove it.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Sidecar
from apps.mesh.operatormade import made_by_operator
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace, on its own oldest Sidecar."""
    by_namespace: dict[str, list[Sidecar]] = {}
    for sidecar in context.snapshot.each(Sidecar):
        if sidecar.workload_selector is None:
            by_namespace.setdefault(sidecar.namespace, []).append(sidecar)
    for sidecars in by_namespace.values():
        if len(sidecars) < 2:
            continue
        made = [item for item in sidecars if made_by_operator(context.snapshot, item)]
        own = sorted((item for item in sidecars if item not in made), key=lambda item: item.age_key)
        if made and own:
            first = min(sidecars, key=lambda item: item.age_key)
            lost = "what the operator wrote has no effect" if first in own else "this one has no effect"
            yield RULE.finding(
                f"Speedscale's operator has written {listed(item.name for item in made)} beside it, and both "
                f"are for every workload of the namespace. The oldest counts ({first.name}): {lost}. "
                "Give this Sidecar a workload selector, or merge it and remove it.",
                own[0].ref,
                api_version=own[0].api_version,
                path="spec.workloadSelector",
            )


RULE = Rule(
    code="SS18",
    name="sidecar-beside-operators",
    severity=Severity.WARNING,
    title="A Sidecar competes with the one of Speedscale's operator",
    inputs=frozenset({"Sidecar"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA0002", "IST0111"),
    no_remedy=(
        "The Sidecar of the operator goes by its workload; which of the two should give way is the "
        "owner's decision."
    ),
)
