"""Let Speedscale's own pods take the calls that cannot come by mutual TLS, on those ports alone.

A PeerAuthentication for the pods of one component is created, with `portLevelMtls: PERMISSIVE` for the
ports that the API server or the eBPF collector calls; all else keeps the mode of the namespace or the
mesh. Where a policy with a selector already decides for these pods, and for them alone, the ports are
added to it. A port that somebody made STRICT by its number stays so, and so does a policy that is for
other pods as well. Who may call at all is left to AuthorizationPolicies, as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apps.mesh.findings import Finding
from apps.mesh.mtls import MtlsModes
from apps.mesh.objects.security import PeerAuthentication
from apps.mesh.objects.workloads import Workload
from apps.mesh.patches import ManifestPatch, created, updated
from apps.mesh.planes import namespace_planes
from apps.mesh.refs import ResourceRef
from apps.mesh.refusals import Refusal, refusals
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.mending import DoubtError, Mend, ending
from apps.mesh.rules.wording import listed
from apps.mesh.selection import WorkloadIndex, label_sets

PERMISSIVE = {"mode": "PERMISSIVE"}


def write(context: RemedyContext, finding: Finding) -> Mend:
    """One patch for each component. Raises DoubtError."""
    found: dict[ResourceRef, list[Refusal]] = {}
    for refusal in context.snapshot.derived(refusals):
        if refusal.decided.ref == finding.ref:
            found.setdefault(refusal.component, []).append(refusal)
    patches = tuple(_patch(context, finding, component, items) for component, items in found.items())
    warnings = tuple(
        f"{component} then takes plaintext on {_ports(items)} from whoever reaches it there."
        for component, items in found.items()
    )
    return Mend((finding,), patches, warnings)


def _patch(
    context: RemedyContext, finding: Finding, component: ResourceRef, found: list[Refusal]
) -> ManifestPatch:
    if any(item.decided.level == "port" for item in found):
        raise DoubtError("a port is STRICT by its number, and somebody wrote that")
    workload = context.snapshot.get(component)
    ports = {str(item.port): PERMISSIVE for item in found}
    policy = _policy_of(context, workload) if isinstance(workload, Workload) else None
    if policy is not None:
        _only(context, component, policy.selector or {}, f"{policy.ref} is for other pods as well")
        before = context.snapshot.manifest(policy.ref) or {}
        known = before["spec"].get("portLevelMtls") or {}
        if not isinstance(known, Mapping):
            raise DoubtError(f"the ports of {policy.ref} cannot be read")
        return updated(before, {**before, "spec": {**before["spec"], "portLevelMtls": {**known, **ports}}})
    selector = found[0].service.selector
    _only(context, component, selector, f"the selector of {found[0].service.ref} takes other pods as well")
    ref = ResourceRef("PeerAuthentication", component.namespace, f"{component.name}-callers")
    if context.snapshot.exists(ref):
        raise DoubtError(f"{ref} is there already")
    return created(
        {
            "apiVersion": finding.api_version,
            "kind": ref.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "spec": {"selector": {"matchLabels": dict(selector)}, "portLevelMtls": ports},
        }
    )


def _policy_of(context: RemedyContext, workload: Workload) -> PeerAuthentication | None:
    """The policy with a selector that decides for the pods."""
    plane = context.snapshot.derived(namespace_planes).of(workload.namespace)
    policies = context.snapshot.derived(MtlsModes).policies(plane)
    return policies.workload_policy(workload.namespace, label_sets(workload)[0])


def _only(context: RemedyContext, component: ResourceRef, labels: Mapping[str, str], otherwise: str) -> None:
    """Raises DoubtError where the labels select anything but this component."""
    taken = context.snapshot.derived(WorkloadIndex).selected(component.namespace, labels)
    if not labels or [workload.ref for workload in taken] != [component]:
        raise DoubtError(otherwise)


def _ports(found: Iterable[Refusal]) -> str:
    return listed(dict.fromkeys(str(item.port) for item in found))


REMEDY = ending(
    name="admit-callers-without-proxy",
    title="Let Speedscale's pods take calls from where no proxy is",
    doc=__doc__ or "",
    write=write,
)
