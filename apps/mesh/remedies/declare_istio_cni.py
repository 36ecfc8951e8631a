"""Tell Speedscale that Istio's CNI agent redirects a workload's traffic.

`sidecar.speedscale.com/istio-cni: "true"` is added to the workload's own annotations, as Speedscale's Istio
page demands where the agent is used. A workload that says otherwise by an annotation is left as it is:
somebody wrote that. Nothing is written where no operator would read it, or where replaced pods would differ
in Istio's proxy as well. The operator may change the pod template for it, which a warning says.
"""

from __future__ import annotations

from apps.mesh.findings import Finding
from apps.mesh.remedies.annotations import annotated, replaced, workload_of
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.mending import DoubtError, Mend, ending
from apps.mesh.speedscale import ISTIO_CNI, is_true, value_of


def write(context: RemedyContext, finding: Finding) -> Mend:
    """Raises DoubtError."""
    workload = workload_of(context, finding)
    if (said := value_of(workload, ISTIO_CNI)) and not is_true(said):
        raise DoubtError(f"its annotation says {ISTIO_CNI}: {said}, and somebody wrote that")
    patch = annotated(context, workload, {ISTIO_CNI: "true"})
    return Mend((finding,), (patch,), (replaced(workload, surely=False),))


REMEDY = ending(
    name="declare-istio-cni",
    title="Tell Speedscale of Istio's CNI agent",
    doc=__doc__ or "",
    write=write,
)
