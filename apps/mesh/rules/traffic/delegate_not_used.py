"""A VirtualService delegates routes to one that istiod does not take them from.

The routes of a delegate are put in place of the root's route. The delegate must exist, must be exported to
the root's namespace, must not have `hosts` of its own and must not delegate further; otherwise the root's
route is dropped without a word (pilot/pkg/model/virtualservice_controller.go mergeVirtualServices). A
VirtualService without hosts that nobody delegates to does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import exported
from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.visibility import PUBLIC

DELEGATE = "delegate"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService and delegate in vain, and for each delegate without a root."""
    routes = {item.ref: item for item in in_force(context.snapshot, VirtualService)}
    used: set[ResourceRef] = set()
    for route in routes.values():
        seen: set[ResourceRef] = set()
        for place, part in enumerate(route.http):
            if part.answers != DELEGATE:
                continue
            namespace, name = part.delegate
            ref = ResourceRef("VirtualService", namespace or route.namespace, name)
            used.add(ref)
            reason = "" if ref in seen else _reason(context, route, ref, routes.get(ref))
            seen.add(ref)
            if reason:
                yield RULE.finding(
                    f"The route delegates to {ref.path}, {reason} Until then the route is dropped.",
                    route.ref,
                    api_version=route.api_version,
                    path=f"spec.http[{place}].delegate",
                    key=ref.path,
                )
    if context.snapshot.missing("VirtualService") is None:
        yield from (_orphan(item) for ref, item in routes.items() if not item.hosts and ref not in used)


def _reason(
    context: RuleContext, route: VirtualService, ref: ResourceRef, delegate: VirtualService | None
) -> str:
    """Why its routes are not taken, and what to do; "" where they are."""
    if not route.hosts:
        return "but is a delegate itself, and those do not delegate. Delegate to it from the root."
    if delegate is None:
        if context.snapshot.missing("VirtualService", ref.namespace) is not None:
            return ""
        return "which does not exist. Create it, or correct the name."
    if delegate.hosts:
        return "which has hosts of its own. Take them out of it."
    seen = exported(context.snapshot, delegate)
    if PUBLIC not in seen and route.namespace not in seen:
        return f"which is not exported to {route.namespace}. Add that to its exportTo."
    return ""


def _orphan(delegate: VirtualService) -> Finding:
    return RULE.finding(
        "It has no hosts, so that it only counts as a delegate, and no VirtualService delegates to it. "
        "Delegate to it, give it hosts, or remove it.",
        delegate.ref,
        api_version=delegate.api_version,
        severity=Severity.INFO,
        path="spec.hosts",
        key="orphan",
    )


RULE = Rule(
    code="MC176",
    name="delegate-not-used",
    severity=Severity.ERROR,
    title="Delegated routes are not taken",
    inputs=INPUTS | {"VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("IST0101",),
    no_remedy="Which of the conditions for delegation should change is the owner's decision.",
)
