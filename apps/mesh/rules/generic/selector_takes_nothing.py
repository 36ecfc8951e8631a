"""A selector matches no workload, so that the object that carries it does nothing.

Sidecar, PeerAuthentication, RequestAuthentication, AuthorizationPolicy and DestinationRule can be limited
to pods with certain labels. Labels are compared with those of the pods, not of the Deployment: a label
that stands in `metadata.labels` of the Deployment and not in its template matches nothing. After a
workload is renamed or its chart changes the labels, a policy that was meant to protect it just stops to
exist for it. A selector sees its own namespace only, except that RequestAuthentication and
AuthorizationPolicy of the root namespace reach all namespaces.

Workloads that run no pod at the moment are looked at by their template, and machines outside of the cluster
by their WorkloadEntry. Kiali and istioctl report the same (KIA0004, IST0127). A ServiceEntry's selector is
not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import DestinationRule, Sidecar, WorkloadEntry
from apps.mesh.objects.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from apps.mesh.objects.selectors import is_subset
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

Found = tuple[MeshObject, Mapping[str, str] | None, str]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object whose selector takes nothing."""
    for item, labels, path in _selecting(context):
        root = item.namespace == context.mesh_config(item.namespace).root_namespace
        everywhere = root and isinstance(item, RequestAuthentication | AuthorizationPolicy)
        if not labels or (root and not everywhere) or not context.reads(item):
            continue  # what a selector in the root namespace means for the others is told elsewhere
        selection = context.selection
        taken = selection.anywhere(labels) if everywhere else selection.selected(item.namespace, labels)
        if taken or _on_machine(context, item, labels, everywhere):
            continue
        if context.knows_workloads("" if everywhere else item.namespace):
            yield _finding(context, item, labels, path, everywhere)


def _on_machine(context: RuleContext, item: MeshObject, labels: Mapping[str, str], everywhere: bool) -> bool:
    """Whether a machine outside of the cluster has the labels, or might have them."""
    if context.snapshot.missing("WorkloadEntry", "" if everywhere else item.namespace):
        return True
    return any(
        is_subset(labels, entry.labels)
        for entry in context.snapshot.each(WorkloadEntry)
        if everywhere or entry.namespace == item.namespace
    )


def _selecting(context: RuleContext) -> Iterator[Found]:
    snapshot = context.snapshot
    for sidecar in snapshot.each(Sidecar):
        yield sidecar, sidecar.workload_selector, "spec.workloadSelector.labels"
    for rule in snapshot.each(DestinationRule):
        yield rule, rule.selector, "spec.workloadSelector.matchLabels"
    for peer in snapshot.each(PeerAuthentication):
        yield peer, peer.selector, "spec.selector.matchLabels"
    for request in snapshot.each(RequestAuthentication):
        yield request, request.selector, "spec.selector.matchLabels"
    for policy in snapshot.each(AuthorizationPolicy):
        yield policy, policy.selector, "spec.selector.matchLabels"


def _finding(
    context: RuleContext, item: MeshObject, labels: Mapping[str, str], path: str, everywhere: bool
) -> Finding:
    selection, where = context.selection, "the mesh" if everywhere else item.namespace
    unknown = [
        f"{key}={value}"
        for key, value in sorted(labels.items())
        if not (
            selection.anywhere({key: value})
            if everywhere
            else selection.selected(item.namespace, {key: value})
        )
    ]
    what = f"No pod in {where} has {listed(unknown)}"
    if not unknown:
        what = f"No pod in {where} has {listed(f'{k}={v}' for k, v in sorted(labels.items()))} all at once"
    return RULE.finding(
        f"{what}, so this {item.ref.kind} holds for nothing. Compare its selector with the labels of the "
        "pods (those in the template, not those of the Deployment), or delete it.",
        item.ref,
        api_version=item.api_version,
        path=path,
    )


RULE = Rule(
    code="MC102",
    name="selector-takes-nothing",
    severity=Severity.WARNING,
    title="The selector matches no workload",
    inputs=INPUTS
    | {"AuthorizationPolicy", "DestinationRule", "PeerAuthentication", "RequestAuthentication", "Sidecar"}
    | {"WorkloadEntry"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0004", "IST0127", "IST0101"),
    no_remedy="Whether the selector or the labels of the workloads are wrong cannot be seen.",
)
