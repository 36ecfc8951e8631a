"""A VirtualService names a Gateway in the form of early Istio versions.

`gateway.namespace` and `gateway.namespace.svc.cluster.local` are still understood, but they look like the
name of a Service, and only their first two parts count. `namespace/gateway` says the same without doubt
and is the documented form (istio.io, VirtualService `gateways`). `./gateway` means the own namespace and
is fine, although Kiali takes the dot in it for the old form.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import VirtualService
from apps.mesh.references import gateway_ref, old_form
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService."""
    for route in context.snapshot.each(VirtualService):
        old = [place for place, name in enumerate(route.gateways) if old_form(name)]
        if old:
            refs = [gateway_ref(route.gateways[place], route.namespace) for place in old]
            yield RULE.finding(
                f"{listed(route.gateways[place] for place in old)} is an old form that reads like a "
                f"Service. Write {listed(ref.path for ref in refs if ref is not None)}.",
                route.ref,
                api_version=route.api_version,
                path=f"spec.gateways[{old[0]}]",
            )


RULE = Rule(
    code="MC152",
    name="gateway-named-in-old-form",
    severity=Severity.INFO,
    title="A Gateway is named in the old form",
    inputs=frozenset({"VirtualService"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA1108",),
    remedy="name-gateway-by-namespace",
)
