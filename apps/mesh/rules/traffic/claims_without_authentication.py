"""A route matches claims of a JWT that nobody has checked.

A match on `@request.auth.claims.…` compares what a RequestAuthentication has taken from a valid token. It
works at gateways only, and only if a RequestAuthentication selects the gateway's pods, in their namespace or
in the mesh's root namespace. Without one there are no claims, so the match never holds, or, as a condition
under `withoutHeaders`, always (istio.io, JWT claim based routing).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import gateways_of
from apps.mesh.findings import Finding, Severity
from apps.mesh.gatewayproxies import gateway_workloads
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import Gateway, VirtualService
from apps.mesh.objects.security import RequestAuthentication
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import Workload
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.selection import label_sets

CLAIMS = "@request.auth.claims"
ByNamespace = dict[str, list[RequestAuthentication]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService; none while RequestAuthentications could not be read."""
    if context.snapshot.missing("RequestAuthentication") is not None:
        return
    known: ByNamespace = {}
    for policy in in_force(context.snapshot, RequestAuthentication):
        known.setdefault(policy.namespace, []).append(policy)
    for route in in_force(context.snapshot, VirtualService):
        path = _claim(route)
        if path:
            yield from _judge(context, route, path, known)


def _claim(route: VirtualService) -> str:
    """The first match on a claim; "" without any."""
    for place, part in enumerate(route.http):
        for index, match in enumerate(part.matches):
            if any(name.lower().startswith(CLAIMS) for name in (*match.headers, *match.without_headers)):
                return f"spec.http[{place}].match[{index}]"
    return ""


def _judge(context: RuleContext, route: VirtualService, path: str, known: ByNamespace) -> Iterator[Finding]:
    gateways = gateways_of(route)
    bare: dict[str, None] = {}
    for ref in gateways:
        gateway = context.snapshot.get(ref)
        workloads = gateway_workloads(context.snapshot, gateway) if isinstance(gateway, Gateway) else ()
        root = context.mesh_config(workloads[0].namespace).root_namespace if workloads else ""
        for workload in workloads:
            near = (*known.get(workload.namespace, ()), *known.get(root, ()))
            if not any(_selects(policy, workload) for policy in near):
                bare[workload.ref.path] = None
    if bare:
        why = f"no RequestAuthentication selects the pods of {listed(bare)}. Add one there."
    elif not gateways and route.hosts:
        why = "sidecars, which follow this VirtualService, have none. Bind it to a Gateway."
    else:
        return
    yield RULE.finding(
        f"The route matches claims of a token, but {why}",
        route.ref,
        api_version=route.api_version,
        path=path,
    )


def _selects(policy: RequestAuthentication, workload: Workload) -> bool:
    """A policy that is attached to something else may be meant for it, too."""
    return bool(policy.target_refs) or any(
        is_subset(policy.selector or {}, labels) for labels in label_sets(workload)
    )


RULE = Rule(
    code="MC178",
    name="claims-without-authentication",
    severity=Severity.ERROR,
    title="A route matches claims that nobody checks",
    inputs=INPUTS | {"Gateway", "RequestAuthentication", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("IST0149",),
    no_remedy="Who issues the tokens is known to the owner alone.",
)
