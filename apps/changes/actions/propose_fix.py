"""Proposing what the console generates: for a finding, for a cell of the matrix, for a whole cluster."""

from __future__ import annotations

from apps.accounts.models import User
from apps.analysis.models import Finding, ScopeVerdicts
from apps.changes.actions.propose import TITLE_LIMIT, propose
from apps.changes.foresight import hostset_for
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies import catalogue
from apps.mesh.remedies.base import Proposal, ProposalError, RemedyContext, Target


def propose_fix(
    *,
    actor: User,
    cluster: Cluster,
    finding: Finding | None = None,
    scope: str = "",
    host: str = "",
    title: str = "",
    reason: str = "",
    take_over: bool = False,
) -> ChangeSet:
    """A draft of the smallest change that mends it. Raises InvalidInputError when nothing can safely be
    generated (`no_remedy`), with the reason."""
    remedies, target = _wanted(cluster, finding, scope, host)
    proposal = _generate(cluster, remedies, target)
    patches = {cluster: list(proposal.patches)}
    forced = {(cluster.name, p.ref) for p in proposal.patches if p.action is PatchAction.UPDATE}
    return propose(
        actor=actor,
        title=(title or f"{proposal.title} in {cluster.name}")[:TITLE_LIMIT],
        reason=reason or "\n".join([proposal.summary, *proposal.warnings]),
        patches=patches,
        take_over=forced if take_over else (),
    )


def _wanted(
    cluster: Cluster, finding: Finding | None, scope: str, host: str
) -> tuple[tuple[str, ...], Target]:
    """The remedies to try, and what they are to mend."""
    if finding is not None:
        if not finding.remedy:
            raise InvalidInputError(
                f"The console generates no change for {finding.code}: see the finding for what to do.",
                code="no_remedy",
            )
        ref = ResourceRef(finding.kind, finding.namespace, finding.name)
        return (finding.remedy,), Target(ref=ref)
    if not scope and not host:
        return tuple(remedy.name for remedy in catalogue.REMEDIES), Target()
    row = ScopeVerdicts.objects.filter(cluster=cluster, key=scope).first()
    if row is None:
        raise InvalidInputError(
            "There is no such egress scope any more: load the matrix again.", field="scope"
        )
    if host not in row.answers:
        raise InvalidInputError(f"{host} is not one of the hosts of the matrix.", field="host")
    remedy = ((row.answers[host].get("fix") or {}).get("remedy")) or ""
    if not remedy:
        raise InvalidInputError(
            f"The console generates no change for {host} in {row.label}: see the explanation.",
            code="no_remedy",
        )
    return (remedy,), Target(hosts=(host,), scopes=(scope,))


def _generate(cluster: Cluster, remedies: tuple[str, ...], target: Target) -> Proposal:
    """The proposals of all remedies that have one, as one."""
    context = RemedyContext.of(store.load(cluster), hostset_for(cluster))
    found: list[Proposal] = []
    refused: list[str] = []
    for name in remedies:
        try:
            found.append(catalogue.get(name).propose(context, target))
        except ProposalError as error:
            refused.append(str(error))
    if not found:
        raise InvalidInputError(" ".join(refused) or "There is nothing to mend.", code="no_remedy")
    if len(found) == 1:
        return found[0]
    patches: dict[ResourceRef, ManifestPatch] = {}
    for proposal in found:
        for patch in proposal.patches:
            patches.setdefault(patch.ref, patch)
    return Proposal(
        remedy="",
        title="Let Speedscale work",
        summary=" ".join(proposal.summary for proposal in found),
        patches=tuple(patches.values()),
        opens=tuple(cell for proposal in found for cell in proposal.opens),
        warnings=tuple(dict.fromkeys(w for proposal in found for w in proposal.warnings)),
    )
