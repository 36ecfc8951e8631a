"""What to open before the switch to REGISTRY_ONLY: the remedies, asked about the mesh as it would be.

Only for hosts of the host set that the switch would block where they are needed; for other hosts the nearest
fix is said in words. What would have to write an object that the switch writes too is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.mesh.breakage import Breakage, Outcome
from apps.mesh.hostsets import HostSet
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import REMEDIES, propose

FOR_HOSTS = ("export-service-entry", "open-required-hosts")
WHOLE = ("correct-service-entry", "import-speedscale-namespace")
"""Remedies that take no hosts: what they open is what Speedscale needs."""
NOTHING = "No host that Speedscale needs would be blocked where it is needed."


@dataclass(frozen=True, slots=True)
class OpenFirst:
    """`patches` turn on today's objects; with none of them `reason` says why. `warnings` are sentences an
    approver must read."""

    patches: tuple[ManifestPatch, ...] = ()
    summary: str = ""
    warnings: tuple[str, ...] = ()
    reason: str = ""


def open_first(found: Breakage, hostset: HostSet) -> OpenFirst:
    """The smallest changes that keep the hosts of the set reachable which the switch would block."""
    broken = {
        cell.host.destination.host
        for row in found.scopes
        for cell in row.cells
        if cell.outcome is Outcome.BREAKS and hostset.get(cell.host.destination.host) is not None
    }
    if not broken:
        return OpenFirst(reason=NOTHING)
    namespaces = (found.choice.namespace,) if found.choice.namespace else ()
    wanted = Target(hosts=tuple(sorted(broken)), namespaces=namespaces)
    by_remedy = {**dict.fromkeys(FOR_HOSTS, wanted), **dict.fromkeys(WHOLE, Target(namespaces=namespaces))}
    taken = {patch.ref for patch in found.switch.patches}
    snapshot, folded = found.after, dict[ResourceRef, ManifestPatch]()
    summaries: list[str] = []
    warnings: list[str] = []
    reasons: list[str] = []
    for name in (name for name in REMEDIES if name in by_remedy):
        try:
            proposal = propose(snapshot, hostset, name, by_remedy[name])
        except ProposalError as error:
            reasons.append(str(error))
            continue
        if not proposal.opens:
            continue
        if clash := taken & {patch.ref for patch in proposal.patches}:
            reasons.append(f"{min(clash)} is written by the switch itself: change both in one go, by hand.")
            continue
        snapshot = apply(snapshot, proposal.patches)
        summaries.append(proposal.summary)
        warnings.extend(proposal.warnings)
        for patch in proposal.patches:
            first = folded.get(patch.ref)
            folded[patch.ref] = (
                patch if first is None else replace(patch, action=first.action, before=first.before)
            )
    if not folded:
        return OpenFirst(reason=" ".join(dict.fromkeys(reasons)) or NOTHING)
    return OpenFirst(tuple(folded.values()), " ".join(summaries), tuple(dict.fromkeys(warnings)))
