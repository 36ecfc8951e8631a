"""The one list of remedies, in the order in which they are tried: what is there is mended before anything
is created beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from apps.mesh.egress import EgressEngine
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
    open_hosts,
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
        open_hosts,
    )
}


Draft = Callable[[RemedyContext, Target], Proposal]
DRAFTS: Mapping[str, Draft] = {
    export_service_entry.REMEDY.name: export_service_entry.draft,
    open_required_hosts.REMEDY.name: open_required_hosts.draft,
}
"""What can turn a cell that a Sidecar keeps from it, together with the import."""


def propose(snapshot: Snapshot, hostset: HostSet, name: str, target: Target | None = None) -> Proposal:
    """What one remedy generates. Where a ServiceEntry alone cannot turn what was asked for, because a
    Sidecar does not import it, the import comes with it. Raises ProposalError for an unknown name, or with
    the remedy's reason."""
    remedy = REMEDIES.get(name)
    if remedy is None:
        raise ProposalError(f"There is no remedy «{name}»; there are {', '.join(REMEDIES)}.")
    context, wanted = RemedyContext.of(snapshot, hostset), target or Target()
    try:
        return remedy.propose(context, wanted)
    except ProposalError:
        if name not in DRAFTS or (together := _with_import(context, DRAFTS[name], wanted)) is None:
            raise
        return together


def _with_import(context: RemedyContext, draft: Draft, target: Target) -> Proposal | None:
    """The smallest entry and import of it, for cells that need both; None when even both do not turn one."""
    try:
        cells = _by_both(context, _import(context, draft(context, target)))
        first = draft(context, replace(target, cells=cells, scopes=(), hosts=()))
        imported = _import(context, first)
    except ProposalError:
        return None
    return Proposal(
        remedy=first.remedy,
        title=first.title,
        summary=f"{first.summary} {imported.summary}",
        patches=(*first.patches, *imported.patches),
        opens=imported.opens,
        warnings=(*first.warnings, *imported.warnings),
    )


def _by_both(context: RemedyContext, imported: Proposal) -> tuple[tuple[str, str], ...]:
    """The cells that the import does not turn by itself. Raises ProposalError when it turns them all."""
    engine = apply(context.snapshot, imported.patches).derived(EgressEngine)
    scopes = {scope.key: scope.representative for scope in context.engine.scopes()}
    hosts = {host.host: host.destination for host in context.dialled.hosts}
    cells = tuple(
        (key, host)
        for key, host in imported.opens
        if key in scopes and not engine.answer(scopes[key], hosts[host]).verdict.reachable
    )
    if not cells:
        raise ProposalError("The import alone does it.")
    return cells


def _import(context: RemedyContext, first: Proposal) -> Proposal:
    """The import of what a draft writes, for the cells that it is meant for. Raises ProposalError."""
    after = RemedyContext.of(apply(context.snapshot, first.patches), context.hostset)
    return import_speedscale_namespace.propose(after, Target(cells=first.opens))


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
