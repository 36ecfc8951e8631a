"""The one list of remedies, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping

from apps.mesh.hostsets import HostSet
from apps.mesh.patches import apply
from apps.mesh.remedies import import_speedscale_namespace, open_required_hosts
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.snapshot import Snapshot

REMEDIES: Mapping[str, Remedy] = {
    module.REMEDY.name: module.REMEDY for module in (open_required_hosts, import_speedscale_namespace)
}


def propose(snapshot: Snapshot, hostset: HostSet, name: str, target: Target | None = None) -> Proposal:
    """What one remedy generates. Raises ProposalError for an unknown name, or with the remedy's reason."""
    remedy = REMEDIES.get(name)
    if remedy is None:
        raise ProposalError(f"There is no remedy «{name}»; there are {', '.join(REMEDIES)}.")
    return remedy.propose(RemedyContext.of(snapshot, hostset), target or Target())


def propose_everything(
    snapshot: Snapshot, hostset: HostSet, target: Target | None = None
) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    """Every remedy in turn, each upon what the ones before leave; and the reasons of those that have
    nothing to propose. A later patch of an object supersedes an earlier one of the same object."""
    found: list[Proposal] = []
    reasons: list[str] = []
    for name in REMEDIES:
        try:
            proposal = propose(snapshot, hostset, name, target)
        except ProposalError as error:
            reasons.append(str(error))
            continue
        found.append(proposal)
        snapshot = apply(snapshot, proposal.patches)
    return tuple(found), tuple(reasons)
