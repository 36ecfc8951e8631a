"""exportTo names a namespace that does not exist.

`exportTo` of a ServiceEntry, VirtualService or DestinationRule, and the annotation
`networking.istio.io/exportTo` of a Service, list the namespaces that see the object. Nothing checks that
a namespace in the list exists: a misspelt or deleted one is accepted, and the workloads that were meant
do not see the object. Where no namespace of the list exists the object is in force for nobody at all, its
own namespace included; `.` stands for that one.

If the namespace is created later the entry comes to life, which may be wanted; then ignore this
finding. Kiali reports the same as KIA0005.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.exports import INPUTS, Export, exports
from apps.mesh.findings import Finding, Severity
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import NONE, PRIVATE, PUBLIC, is_namespace_name


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object; an error where nobody is left to see it."""
    if not context.whole:
        return
    for found in exports(context.snapshot):
        if PUBLIC in found.names or NONE in found.names:
            continue
        others = [name for name in found.names if name not in {PRIVATE, found.item.namespace}]
        missing = [name for name in others if is_namespace_name(name) and not context.namespace_exists(name)]
        if missing:
            yield _finding(found, missing)


def _finding(found: Export, missing: list[str]) -> Finding:
    nobody = len(missing) == len(found.names)
    outcome = (
        "Nobody sees this object, not even its own namespace."
        if nobody
        else "Whoever was meant does not see this object."
    )
    several = len(missing) > 1
    return RULE.finding(
        f"exportTo names {listed(missing)}, and there {'are no such namespaces' if several else 'is none'}. "
        f"{outcome} Correct the {'names' if several else 'name'}, or take "
        f"{'them' if several else 'it'} out.",
        found.item.ref,
        api_version=found.item.api_version,
        severity=Severity.ERROR if nobody else Severity.WARNING,
        path=found.path,
    )


RULE = Rule(
    code="MC103",
    name="exported-to-missing-namespace",
    severity=Severity.ERROR,
    title="exportTo names a namespace that does not exist",
    inputs=INPUTS | {"Namespace"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0005",),
    no_remedy=(
        "Whether the name is wrong or the namespace is still to come cannot be seen, and a list that "
        "becomes empty exports to everybody."
    ),
)
