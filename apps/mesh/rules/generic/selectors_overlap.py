"""Two Sidecars, or two PeerAuthentications, select the same workload, and Istio takes one of them.

For each pod the oldest Sidecar whose selector matches is in force, alone: hosts, listeners and policy of
the others are not added. The same is true of PeerAuthentications with a selector. The younger object is
accepted and does nothing for the pods that both select. An empty `workloadSelector: {}` matches every
pod, and because it counts as a selector it goes before a younger, narrower one, which is a frequent
surprise. Narrow one of the selectors, or put both into one object.

See pilot/pkg/model/push_context.go (initSidecarScopes, getSidecarScope) and
pilot/pkg/security/authn/policy_applier.go (ComposePeerAuthentication).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import together
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Sidecar
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.planes import INPUTS
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed, seniority

Selecting = tuple[MeshObject, Mapping[str, str]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object that loses workloads to an older one."""
    sidecars = context.snapshot.each(Sidecar)
    yield from _overlaps(
        context,
        "spec.workloadSelector",
        [(item, item.workload_selector) for item in sidecars if item.workload_selector is not None],
        proxied=True,
    )
    policies = context.snapshot.each(PeerAuthentication)
    yield from _overlaps(
        context,
        "spec.selector",
        # In the root namespace a selector makes Istio pass over the policy altogether.
        [
            (item, item.selector)
            for item in policies
            if item.selector is not None
            and item.namespace != context.mesh_config(item.namespace).root_namespace
        ],
    )


def _overlaps(
    context: RuleContext, path: str, items: Iterable[Selecting], proxied: bool = False
) -> Iterator[Finding]:
    by_namespace: dict[str, list[Selecting]] = {}
    for item in items:
        if context.reads(item[0]):
            by_namespace.setdefault(item[0].namespace, []).append(item)
    for namespace in sorted(by_namespace):
        if len(by_namespace[namespace]) > 1:
            ordered = sorted(by_namespace[namespace], key=lambda item: item[0].age_key)
            yield from _in_order(context, path, namespace, ordered, proxied)


def _in_order(
    context: RuleContext, path: str, namespace: str, ordered: list[Selecting], proxied: bool
) -> Iterator[Finding]:
    claims: dict[ResourceRef, list[MeshObject]] = {}
    for item, labels in ordered:
        lost: dict[ResourceRef, MeshObject] = {}
        for workload in context.selection.selected(namespace, labels):
            if proxied and context.injections[workload.ref].meshed is False:
                continue
            before = claims.setdefault(workload.ref, [])
            first = next((one for one in before if together(one, item)), None)
            if first is not None:
                lost[workload.ref] = first
            before.append(item)
        if lost:
            yield _finding(item, path, lost)


def _finding(item: MeshObject, path: str, lost: Mapping[ResourceRef, MeshObject]) -> Finding:
    names = listed(ref.name for ref in lost)
    winners = {winner.ref: winner for winner in lost.values()}
    why = listed(f"{winner.name} {seniority(winner, item)}" for _, winner in sorted(winners.items()))
    return RULE.finding(
        f"{counted(len(lost), 'workload')} that this {item.ref.kind} selects ({names}) "
        f"{'is' if len(lost) == 1 else 'are'} selected by another one as well: {why}. Istio takes one and "
        "merges nothing, so this one does not hold there. Narrow one of the selectors, or make one object of "
        "both.",
        item.ref,
        api_version=item.api_version,
        path=path,
        affected=tuple(lost),
    )


RULE = Rule(
    code="MC101",
    name="selectors-overlap",
    severity=Severity.ERROR,
    title="Another object selects the same workloads and is taken instead",
    inputs=INPUTS | {"PeerAuthentication", "Sidecar"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0003", "IST0110"),
    no_remedy="Which of the two objects is meant for the workloads they share only their owners know.",
)
