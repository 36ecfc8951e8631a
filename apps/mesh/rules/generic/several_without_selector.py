"""More than one Sidecar, or PeerAuthentication, of a namespace is meant for all of its workloads.

Istio takes one: the oldest, and of equally old ones the first by name. Nothing is merged, so what a
younger one says holds for nobody, without a word in its status. Whoever created it sees it accepted
and believes it. The root namespace's are the defaults of the whole mesh, so a second one there is
ignored everywhere. Put what both say into one object, or give the second a selector.

RequestAuthentication is not among them, though Kiali reports it (KIA0002): Istio adds up the rules of
all that match. A Sidecar with `workloadSelector: {}` is not either; it counts as one with a selector.
See pilot/pkg/model/push_context.go (initSidecarScopes) and authentication.go (addPeerAuthentication).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import together
from apps.mesh.injection import DATAPLANE_LABEL
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Sidecar
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.operatormade import made_by_operator
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import seniority


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object that is ignored."""
    sidecars = (item for item in context.snapshot.each(Sidecar) if item.workload_selector is None)
    yield from _ignored(context, (item for item in sidecars if not _passed_over(context, item)))
    policies = (item for item in context.snapshot.each(PeerAuthentication) if item.selector is None)
    yield from _ignored(context, policies)


def _ignored(context: RuleContext, items: Iterable[MeshObject]) -> Iterator[Finding]:
    by_namespace: dict[str, list[MeshObject]] = {}
    for item in items:
        if context.reads(item):
            by_namespace.setdefault(item.namespace, []).append(item)
    for namespace in sorted(by_namespace):
        ordered = sorted(by_namespace[namespace], key=lambda item: item.age_key)
        for place, item in enumerate(ordered):
            before = (first for first in ordered[:place] if together(first, item))
            chosen = next(before, None)
            if chosen is not None:
                yield _finding(context, chosen, item)


def _finding(context: RuleContext, chosen: MeshObject, item: MeshObject) -> Finding:
    kind, root = item.ref.kind, context.mesh_config(item.namespace).root_namespace
    whom = "the whole mesh" if item.namespace == root else f"all of {item.namespace}"
    return RULE.finding(
        f"{kind} {chosen.ref.path} is for {whom} too and {seniority(chosen, item)}: Istio takes that one "
        f"and merges nothing, so this one holds for nobody. Move what it says into {chosen.name}, give it "
        "a selector, or delete it.",
        item.ref,
        api_version=item.api_version,
        path="spec",
    )


def _passed_over(context: RuleContext, item: Sidecar) -> bool:
    """Sidecars mean nothing to a namespace in ambient mode, and one that Speedscale's operator wrote is
    nobody's mistake here: those are other findings."""
    if made_by_operator(context.snapshot, item):
        return True
    found = context.snapshot.namespaces.get(item.namespace)
    return found is not None and found.labels.get(DATAPLANE_LABEL) == "ambient"


RULE = Rule(
    code="MC100",
    name="several-without-selector",
    severity=Severity.ERROR,
    title="An older object for the whole namespace is taken instead",
    inputs=INPUTS | {"PeerAuthentication", "Sidecar"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0002", "IST0111"),
    no_remedy=(
        "Which of the two objects is meant only their owners know; taking one out narrows or widens every "
        "workload of the namespace."
    ),
)
