"""Have a DestinationRule send Istio's mutual TLS to servers that take nothing else.

`trafficPolicy.tls.mode` becomes `ISTIO_MUTUAL`, where it says `DISABLE` and every server behind the host
is in mode STRICT, or where it says nothing, auto mTLS is off and a wider rule asks for it. Calls by this
rule are refused or unprotected today, so nothing that works is taken away. Only a rule for one Service of
the cluster is changed: what else a wildcard or an entry may hold need not speak mutual TLS. Settings of
ports and subsets stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.mesh.destinations import named
from apps.mesh.findings import Finding
from apps.mesh.hosts import is_wildcard, resolve_short_name
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.objects.traffic import DISABLE, ISTIO_MUTUAL
from apps.mesh.patches import updated
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.mending import DoubtError, Mend, ending


def write(context: RemedyContext, finding: Finding) -> Mend:
    """Raises DoubtError."""
    rule, before = context.snapshot.get(finding.ref), context.snapshot.manifest(finding.ref)
    if not isinstance(rule, DestinationRule) or before is None:
        raise DoubtError("it cannot be read")
    host = resolve_short_name(rule.host, rule.namespace)
    services = named(context.snapshot, host, rule.namespace)
    if is_wildcard(host) or not services or not all(service.kubernetes for service in services):
        raise DoubtError("it is not for one Service of the cluster alone")
    policy = before["spec"].get("trafficPolicy") or {}
    tls = (policy.get("tls") or {}) if isinstance(policy, Mapping) else None
    if not isinstance(tls, Mapping) or tls.keys() - {"mode"} or tls.get("mode", DISABLE) != DISABLE:
        raise DoubtError("it has settings for TLS of its own")
    policy = {**policy, "tls": {"mode": ISTIO_MUTUAL}}
    return Mend(
        (finding,), (updated(before, {**before, "spec": {**before["spec"], "trafficPolicy": policy}}),)
    )


REMEDY = ending(
    name="send-mutual-tls",
    title="Send mutual TLS to who demands it",
    doc=__doc__ or "",
    write=write,
)
