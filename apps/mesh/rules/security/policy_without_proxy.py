"""A policy selects workloads that have no proxy, so nobody enforces it.

PeerAuthentication, AuthorizationPolicy and RequestAuthentication are carried out by the proxy before the
workload (its sidecar, or ztunnel in ambient mode). Pods without one, for instance because they opted out
of injection or use the host's network, take every connection whatever the policies say: STRICT does not
keep plaintext out, and a DENY denies nothing. That is easy to miss, because the objects are accepted and
look as if they were in force.

Only policies with a selector are looked at, and only if none of the workloads they select has a proxy;
pods that lack the proxy they should have are MC010.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.objects.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from apps.mesh.objects.workloads import Workload
from apps.mesh.operatormade import made_by_operator
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

Policy = PeerAuthentication | AuthorizationPolicy | RequestAuthentication


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    for policy in _policies(context):
        if not policy.selector or policy.namespace == context.mesh_config(policy.namespace).root_namespace:
            continue
        found = context.selection.selected(policy.namespace, policy.selector)
        bare = [workload for workload in found if _bare(context, workload)]
        if found and len(bare) == len(found) and not made_by_operator(context.snapshot, policy):
            yield RULE.finding(
                f"It selects {listed(w.name for w in bare)}, and no proxy stands before "
                f"{'it' if len(bare) == 1 else 'them'}: nothing enforces this {policy.ref.kind}. "
                "Inject the proxy, or protect the workload by a NetworkPolicy.",
                policy.ref,
                api_version=policy.api_version,
                path="spec.selector",
                affected=tuple(workload.ref for workload in bare),
            )


def _policies(context: RuleContext) -> Iterator[Policy]:
    yield from context.snapshot.each(PeerAuthentication)
    yield from context.snapshot.each(AuthorizationPolicy)
    yield from context.snapshot.each(RequestAuthentication)


def _bare(context: RuleContext, workload: Workload) -> bool:
    """No proxy is there, and none is meant to be."""
    return context.mtls[workload.ref].mode is MtlsMode.NONE and (
        context.injections[workload.ref].expected is False
    )


RULE = Rule(
    code="MC204",
    name="policy-without-proxy",
    severity=Severity.WARNING,
    title="No proxy enforces the policy",
    inputs=MODE_INPUTS | {"AuthorizationPolicy", "RequestAuthentication"},
    doc=__doc__ or "",
    check=check,
    follows_pods=True,
    no_remedy="A proxy changes more than what the policy asks for.",
)
