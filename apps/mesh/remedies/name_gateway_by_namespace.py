"""Name a Gateway as `namespace/gateway`, the documented form, where the old one reads like a Service.

The same Gateway is meant before and after, so nothing is published that was not, and nobody's calls change.
"""

from __future__ import annotations

from apps.mesh.findings import Finding
from apps.mesh.objects.networking import VirtualService
from apps.mesh.patches import updated
from apps.mesh.references import gateway_ref, old_form
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.mending import DoubtError, Mend, ending


def write(context: RemedyContext, finding: Finding) -> Mend:
    """Raises DoubtError."""
    route, before = context.snapshot.get(finding.ref), context.snapshot.manifest(finding.ref)
    if not isinstance(route, VirtualService) or before is None:
        raise DoubtError("it cannot be read")
    names = list(dict.fromkeys(_new_form(name, route.namespace) for name in before["spec"]["gateways"]))
    return Mend((finding,), (updated(before, {**before, "spec": {**before["spec"], "gateways": names}}),))


def _new_form(name: str, namespace: str) -> str:
    ref = gateway_ref(name, namespace)
    return ref.path if ref is not None and old_form(name) else name


REMEDY = ending(
    name="name-gateway-by-namespace",
    title="Name the Gateway by its namespace",
    doc=__doc__ or "",
    write=write,
)
