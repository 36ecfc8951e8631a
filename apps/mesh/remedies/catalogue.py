"""The one list of remedies, in the order in which they are tried: what is there is mended before anything
is created beside it."""

from __future__ import annotations

from collections.abc import Mapping

from apps.mesh.hostsets import HostSet
from apps.mesh.patches import apply
from apps.mesh.remedies import (
    add_mesh_host,
    admit_callers_without_proxy,
    correct_service_entry,
    declare_istio_cni,
    export_service_entry,
    import_speedscale_namespace,
    move_capture_annotation,
    name_gateway_by_namespace,
    open_required_hosts,
    route_to_service_port,
    send_mutual_tls,
)
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.snapshot import Snapshot

REMEDIES: Mapping[str, Remedy] = {
    module.REMEDY.name: module.REMEDY
    for module in (
        correct_service_entry,
        export_service_entry,
        open_required_hosts,
        import_speedscale_namespace,
        add_mesh_host,
        move_capture_annotation,
        declare_istio_cni,
        admit_callers_without_proxy,
        send_mutual_tls,
        route_to_service_port,
        name_gateway_by_namespace,
    )
}


def propose(snapshot: Snapshot, hostset: HostSet, name: str, target: Target | None = None) -> Proposal:
    """What one remedy generates. Where a ServiceEntry alone cannot turn the cells that were named,
    because a Sidecar does not import it, the import comes with it. Raises ProposalError for an unknown
    name, or with the remedy's reason."""
    remedy = REMEDIES.get(name)
    if remedy is None:
        raise ProposalError(f"There is no remedy «{name}»; there are {', '.join(REMEDIES)}.")
    wanted = target or Target()
    try:
        return remedy.propose(RemedyContext.of(snapshot, hostset), wanted)
    except ProposalError:
        if remedy is not open_required_hosts.REMEDY or not wanted.scopes:
            raise
        together = _entry_and_import(snapshot, hostset, wanted)
        if together is None:
            raise
        return together


def _entry_and_import(snapshot: Snapshot, hostset: HostSet, target: Target) -> Proposal | None:
    """An entry and the import of it, for cells that need both; None when even both do not turn one."""
    try:
        entry = open_required_hosts.draft(RemedyContext.of(snapshot, hostset), target)
        after = RemedyContext.of(apply(snapshot, entry.patches), hostset)
        imported = import_speedscale_namespace.propose(after, target)
    except ProposalError:
        return None
    return Proposal(
        remedy=entry.remedy,
        title=entry.title,
        summary=f"{entry.summary} {imported.summary}",
        patches=(*entry.patches, *imported.patches),
        opens=imported.opens,
        warnings=(*entry.warnings, *imported.warnings),
    )


def propose_everything(
    snapshot: Snapshot, hostset: HostSet, target: Target | None = None
) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    """Every remedy for a whole cluster in turn, each upon what the ones before leave; and the reasons of
    those that have nothing to propose. A later patch of an object supersedes an earlier one of it."""
    found: list[Proposal] = []
    reasons: list[str] = []
    for name in [remedy.name for remedy in REMEDIES.values() if not remedy.by_finding]:
        try:
            proposal = propose(snapshot, hostset, name, target)
        except ProposalError as error:
            reasons.append(str(error))
            continue
        found.append(proposal)
        snapshot = apply(snapshot, proposal.patches)
    return tuple(found), tuple(reasons)
