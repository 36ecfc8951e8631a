"""Put the wish for Speedscale's sidecar where the operator reads it: on the workload itself.

`sidecar.speedscale.com/inject: "true"` on the pod template has no effect; it is written to the workload's own
annotations, and the one on the template stays, because it is not the console's to remove. Where Istio's CNI
agent redirects the traffic, the annotation that says so comes with it: a sidecar without it would be set up
wrongly. A template with more annotations of the sidecar is left to its owner: they belong together. The
operator then adds the sidecar to the template and pods are replaced, which a warning says.
"""

from __future__ import annotations

from apps.mesh.analyse import analyse
from apps.mesh.findings import Finding
from apps.mesh.remedies.annotations import annotated, replaced, workload_of
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.declare_istio_cni import REMEDY as DECLARE
from apps.mesh.remedies.mending import DoubtError, Mend, ending
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import INJECT, ISTIO_CNI, SIDECAR_PREFIX, value_of


def write(context: RemedyContext, finding: Finding) -> Mend:
    """Raises DoubtError."""
    workload = workload_of(context, finding)
    beside = {key for key in workload.template.annotations if key.startswith(SIDECAR_PREFIX)} - {INJECT}
    if beside:
        raise DoubtError(f"its template says {listed(sorted(beside))} as well; move them together")
    found = analyse(context.snapshot, context.hostset).findings
    undeclared = [other for other in found if other.ref == workload.ref and other.remedy == DECLARE.name]
    if undeclared and (said := value_of(workload, ISTIO_CNI)):
        raise DoubtError(f"its annotation says {ISTIO_CNI}: {said}, which does not fit Istio's CNI agent")
    more = {INJECT: "true", **({ISTIO_CNI: "true"} if undeclared else {})}
    patch = annotated(context, workload, more)
    return Mend((finding, *undeclared), (patch,), (replaced(workload, surely=True),))


REMEDY = ending(
    name="move-capture-annotation",
    title="Ask for the sidecar on the workload itself",
    doc=__doc__ or "",
    write=write,
)
