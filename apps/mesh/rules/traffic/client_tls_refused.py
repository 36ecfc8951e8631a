"""A DestinationRule makes clients send what the servers behind its host refuse.

What clients send is decided by the DestinationRule in force for them, what servers accept by
PeerAuthentication. Plaintext (`DISABLE`) or TLS of one's own (`SIMPLE`) to pods in mode STRICT is refused,
and so is `ISTIO_MUTUAL` to pods without a proxy or in mode DISABLE; connections are reset. Both sides are
worked out for every port and workload, so a mode that a port or a workload overrides is seen, where Kiali
compares whole namespaces. Without `tls` in the rule Istio chooses rightly by itself (auto mTLS). istiod is
left out, which no application calls through its proxy: a rule for `*.local` holds for it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.mesh.clienttls import INPUTS, MtlsConflict, Sent
from apps.mesh.findings import Finding, Severity
from apps.mesh.meshconfig import control_planes
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

ISTIOD = "istiod"
_MUTUAL = ("KIA0205", "KIA0206", "KIA0505", "KIA0506")
"""Kiali's codes where clients send mutual TLS; the last two are put on the PeerAuthentication there."""
_PLAIN = ("KIA0207", "KIA0208")


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule and field."""
    found: dict[tuple[ResourceRef, str], list[MtlsConflict]] = {}
    planes = {plane.namespace for plane in control_planes(context.snapshot)}
    for conflict in context.mtls_conflicts:
        if conflict.workload.namespace in planes and conflict.workload.name.startswith(ISTIOD):
            continue
        found.setdefault((conflict.rule, conflict.path), []).append(conflict)
    for (ref, path), conflicts in found.items():
        yield _finding(context, ref, path, conflicts)


def _finding(context: RuleContext, ref: ResourceRef, path: str, conflicts: Sequence[MtlsConflict]) -> Finding:
    rule = context.snapshot.get(ref)
    workloads = tuple(dict.fromkeys(conflict.workload for conflict in conflicts))
    first = conflicts[0]
    hosts = listed(dict.fromkeys(f"{item.host}:{item.port}" for item in conflicts))
    policies = sorted({item.policy for item in conflicts if item.policy is not None})
    why = f" ({listed(str(policy) for policy in policies)})" if policies else ""
    if first.mode is MtlsMode.NONE:
        accepts = "have no proxy that could take it"
    else:
        accepts = f"are in mode {first.mode.upper()}{why}"
    mutual = first.sent is Sent.ISTIO_MUTUAL
    sent = "Istio's mutual TLS" if mutual else "no mutual TLS of Istio's"
    return RULE.finding(
        f"Clients send {sent} to {hosts}, but the pods of {listed(item.path for item in workloads)} "
        f"{accepts}, so "
        "that connections fail. Remove tls from the rule to let Istio choose, or change the other side.",
        ref,
        api_version=rule.api_version if rule is not None else "",
        path=path,
        key=path,
        affected=workloads,
        remedy=RULE.remedy if _plain(path, conflicts) else "",
        references=_MUTUAL if mutual else _PLAIN,
    )


def _plain(path: str, conflicts: Sequence[MtlsConflict]) -> bool:
    """Whether the rule as a whole makes clients send plaintext to servers that demand mutual TLS."""
    demanded = all(item.sent is Sent.PLAINTEXT and item.mode is MtlsMode.STRICT for item in conflicts)
    return demanded and path == "spec.trafficPolicy.tls.mode"


RULE = Rule(
    code="MC170",
    name="client-tls-refused",
    severity=Severity.ERROR,
    title="Clients send what servers refuse",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=(*_MUTUAL, *_PLAIN),
    remedy="send-mutual-tls",
    no_remedy=(
        "Where clients send too much, or TLS of their own, which side should give way is a decision on "
        "security."
    ),
)
