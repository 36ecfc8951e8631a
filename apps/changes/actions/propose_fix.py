"""Proposing what the console generates: for a finding, for a cell of the matrix, for a whole cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from apps.accounts.models import User
from apps.analysis import selectors as analysis
from apps.analysis.hosteditions import hostset_for
from apps.analysis.models import Finding, ScopeVerdicts
from apps.changes.actions.propose import TITLE_LIMIT, propose
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.hostsets import SPEEDSCALE
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies import catalogue, open_hosts
from apps.mesh.remedies.base import Proposal, ProposalError, Target
from apps.mesh.verdicts import Verdict


def propose_fix(
    *,
    actor: User,
    cluster: Cluster,
    finding: Finding | None = None,
    scope: str = "",
    host: str = "",
    hostset: str = SPEEDSCALE,
    title: str = "",
    reason: str = "",
    take_over: bool = False,
) -> ChangeSet:
    """A draft of the smallest change that mends it: a finding, a cell of the matrix of a host set, or else
    all that Speedscale needs. Raises InvalidInputError when nothing can safely be generated (`no_remedy`),
    with the reason."""
    if finding is not None:
        remedy, target = _of_finding(actor, cluster, finding)
    elif scope or host:
        remedy, target = of_cell(actor, cluster, scope, host, hostset)
    else:
        remedy, target = "", Target()
    proposal = generate(cluster, remedy, target)
    patches = {cluster: list(proposal.patches)}
    forced = {(cluster.name, p.ref) for p in proposal.patches if p.action is PatchAction.UPDATE}
    return propose(
        actor=actor,
        title=(title or f"{proposal.title} in {cluster.name}")[:TITLE_LIMIT],
        reason=reason or "\n".join([proposal.summary, *proposal.warnings]),
        patches=patches,
        take_over=forced if take_over else (),
    )


def _of_finding(actor: User, cluster: Cluster, finding: Finding) -> tuple[str, Target]:
    if not analysis.unresolved(actor).filter(pk=finding.pk, cluster=cluster).exists():
        raise InvalidInputError("There is no such open finding, or you may not see it.", field="finding")
    if not finding.remedy:
        raise InvalidInputError(
            f"The console generates no change for {finding.code}: see the finding for what to do.",
            code="no_remedy",
        )
    return finding.remedy, Target(ref=finding.ref)


def of_cell(actor: User, cluster: Cluster, scope: str, host: str, hostset: str) -> tuple[str, Target]:
    """The remedy for a cell of the matrix of a host set, and what it is to mend. Raises InvalidInputError
    where there is no such cell that the person may see, or no remedy."""
    row = analysis.scope(actor, cluster, scope, hostset)
    if row is None:
        raise InvalidInputError(
            "There is no such egress scope any more: load the matrix again.", field="scope"
        )
    if host not in row.answers:
        raise InvalidInputError(f"{host} is not one of the hosts of the matrix.", field="host")
    remedy = remedy_of(row, host)
    if not remedy:
        raise InvalidInputError(
            f"The console generates no change for {host} in {row.label}: see the explanation.",
            code="no_remedy",
        )
    return remedy, Target(hosts=(host,), scopes=(scope,), hostset=hostset)


def remedy_of(row: ScopeVerdicts, host: str) -> str:
    """The remedy for a cell: Speedscale's hosts have remedies of their own, by what stands in the way; hosts
    of other sets have one. "" where there is none."""
    if row.hostset == SPEEDSCALE:
        return str((row.answers[host].get("fix") or {}).get("remedy") or "")
    return open_hosts.NAME if Verdict(row.verdicts[host]).blocked else ""


def generate(cluster: Cluster, remedy: str, target: Target) -> Proposal:
    """What one remedy proposes, or all of them, as one proposal."""
    snapshot, hostset = store.load(cluster), hostset_for(cluster)
    if remedy:
        try:
            return catalogue.propose(snapshot, hostset, remedy, target)
        except ProposalError as error:
            raise InvalidInputError(str(error), code="no_remedy") from error
    found, reasons = catalogue.propose_everything(snapshot, hostset, target)
    if not found:
        raise InvalidInputError(" ".join(reasons) or "There is nothing to mend.", code="no_remedy")
    if len(found) == 1:
        return found[0]
    return Proposal(
        remedy="",
        title="Let Speedscale work",
        summary=" ".join(proposal.summary for proposal in found),
        patches=folded(patch for proposal in found for patch in proposal.patches),
        opens=tuple(cell for proposal in found for cell in proposal.opens),
        warnings=tuple(dict.fromkeys(w for proposal in found for w in proposal.warnings)),
    )


def folded(patches: Iterable[ManifestPatch]) -> tuple[ManifestPatch, ...]:
    """One patch an object: each remedy saw what the one before it had proposed."""
    kept: dict[ResourceRef, ManifestPatch] = {}
    for patch in patches:
        first = kept.get(patch.ref)
        kept[patch.ref] = (
            replace(patch, action=first.action, before=first.before) if first is not None else patch
        )
    return tuple(kept.values())
