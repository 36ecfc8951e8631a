"""A subset without labels stands beside subsets with labels.

Without labels a subset is the whole host under another name. That is right for a host outside of the mesh or
an egress gateway, where subsets only carry settings, and such rules are not reported. Next to `v1` and `v2`
with their labels it is most likely a subset whose labels were forgotten: the share that a route gives to it
goes to pods of all versions.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule."""
    for rule in context.snapshot.each(DestinationRule):
        bare = [place for place, subset in enumerate(rule.subsets) if not subset.labels]
        if bare and len(bare) < len(rule.subsets):
            yield RULE.finding(
                f"Subset {listed(rule.subsets[place].name for place in bare)} has no labels and so holds "
                "every "
                f"endpoint of {rule.host}, those of the other subsets too. Give it labels, or route to the "
                "host without a subset.",
                rule.ref,
                api_version=rule.api_version,
                path=f"spec.subsets[{bare[0]}]",
            )


RULE = Rule(
    code="MC168",
    name="subset-without-labels",
    severity=Severity.INFO,
    title="A subset holds the whole host",
    inputs=frozenset({"DestinationRule"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA0209",),
    no_remedy="Which labels tell the subset apart only the owner knows.",
)
