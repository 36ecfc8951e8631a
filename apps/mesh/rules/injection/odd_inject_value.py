"""A workload says whether it wants the proxy in a word that Istio does not know.

`sidecar.istio.io/inject` takes `"true"` and `"false"`, exactly. Any other text (`True`, `yes`, `enabled`,
`off`) counts as if it were not there, and what the namespace says decides (pkg/kube/inject/inject.go,
injectRequired). An opt-out that is spelled wrongly is therefore injected in a labelled namespace, and an
opt-in is not injected in one without labels; neither is told to anybody.

The label of the pod counts before the annotation of the same name, which is deprecated. Both belong on the
pod template, not on the workload itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import INJECT_KEY, INPUTS
from apps.mesh.objects.workloads import Workload
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext

KNOWN = frozenset({"true", "false"})
OUTCOMES = {
    True: "pods get the proxy",
    False: "pods get no proxy",
    None: "whether pods get the proxy is not known",
}


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.injected_in(namespace):
        place = _odd(workload)
        if place is None:
            continue
        field, value = place
        outcome = OUTCOMES[report.expected]
        yield RULE.finding(
            f"{INJECT_KEY}={value} is neither true nor false and is not looked at: {outcome}. "
            'Write "true" or "false".',
            workload.ref,
            api_version=workload.api_version,
            path=f"spec.template.metadata.{field}[{INJECT_KEY}]",
        )


def _odd(workload: Workload) -> tuple[str, str] | None:
    template = workload.template
    for field, values in (("labels", template.labels), ("annotations", template.annotations)):
        if INJECT_KEY in values:
            return (field, values[INJECT_KEY]) if values[INJECT_KEY] not in KNOWN else None
    return None


RULE = Rule(
    code="MC226",
    name="odd-inject-value",
    severity=Severity.WARNING,
    title="The wish for a proxy is neither true nor false",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("IST0125",),
    no_remedy="What the word was meant to say is a guess, and a proxy more or less is more than a slip.",
)
