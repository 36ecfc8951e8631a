"""Proposing the same wish for many clusters: one change, each cluster simulated on its own last reading.

A cluster on which nothing is to do, or for which nothing can be said, is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.analysis import selectors as analysis
from apps.analysis.hosteditions import hostset_for
from apps.changes import access, drafts
from apps.changes.actions.plan_waves import plan_for
from apps.changes.actions.propose import REASON_LIMIT, TITLE_LIMIT, propose
from apps.changes.actions.propose_fix import folded, generate
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.models import ChangeSet
from apps.changes.permitted import lacking
from apps.clusters.models import Cluster, HealthState
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies import catalogue
from apps.mesh.remedies.base import ProposalError, Target

CLUSTER_LIMIT = 100
REASONS = 5
SILENT = {
    HealthState.NEW: "It has not been read yet.",
    HealthState.UNREACHABLE: "It does not answer now.",
    HealthState.AUTH_FAILED: "It refuses the console's credential now.",
}


class Remedy(StrEnum):
    """What the console can generate for many clusters."""

    HOSTS = "open-required-hosts"
    EVERYTHING = "everything"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Remedy.HOSTS: "Open the hosts that Speedscale needs",
    Remedy.EVERYTHING: "Everything that the console can mend",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """One of: a remedy, `code` (a check, whose findings are to be mended), `manifests` (YAML). `namespaces`
    narrows the first two; none means all."""

    remedy: Remedy | None = None
    code: str = ""
    manifests: str = ""
    namespaces: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        if self.manifests:
            return "Change by hand"
        return f"Mend {self.code}" if self.code else (self.remedy or Remedy.HOSTS).words


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a wish takes on one cluster, and what an approver must read."""

    patches: tuple[ManifestPatch, ...]
    warnings: tuple[str, ...] = ()


def propose_fleet(
    *,
    actor: User,
    clusters: Sequence[Cluster],
    wish: Wish,
    title: str = "",
    reason: str = "",
    **plan: Any,
) -> ChangeSet:
    """A draft with what the wish takes on each of the clusters, in waves as `waves.made` takes them. Raises
    InvalidInputError (`nothing_to_change`) with reasons when that is nothing anywhere."""
    if not clusters:
        raise InvalidInputError("Choose a cluster.", field="clusters")
    if len(clusters) > CLUSTER_LIMIT:
        raise InvalidInputError(f"Choose at most {CLUSTER_LIMIT} clusters.", field="clusters")
    planned = plan_for(clusters, **plan)
    found: dict[Cluster, Sequence[ManifestPatch]] = {}
    left_out: list[dict[str, str]] = []
    warnings: dict[str, list[str]] = {}
    for cluster in clusters:
        try:
            wanted = _on(cluster, actor, wish)
        except InvalidInputError as refusal:
            if refusal.code == "invalid_manifest":  # it is nowhere better
                raise
            left_out.append({"cluster": cluster.name, "why": refusal.message})
            continue
        found[cluster] = wanted.patches
        for warning in wanted.warnings:
            warnings.setdefault(warning, []).append(cluster.name)
    if not found:
        raise InvalidInputError(_nowhere(left_out), code="nothing_to_change", field="clusters")
    many = f"{len(found)} clusters" if len(found) > 1 else next(iter(found)).name
    told = (f"{', '.join(names)}: {warning}" for warning, names in warnings.items())
    return propose(
        actor=actor,
        title=(title.strip() or f"{wish.words} on {many}")[:TITLE_LIMIT],
        reason="\n".join(part for part in (reason.strip(), *told) if part)[:REASON_LIMIT],
        patches=found,
        plan=planned,
        left_out=left_out,
    )


def _on(cluster: Cluster, actor: User, wish: Wish) -> _Wanted:
    """What the wish takes on one cluster. Raises InvalidInputError with why there is nothing."""
    if cluster.paused:
        raise InvalidInputError("The cluster is paused.")
    if why := SILENT.get(HealthState(cluster.health)):
        raise InvalidInputError(why)
    wanted = _wanted(cluster, actor, wish)
    for api_version in {patch.api_version for patch in wanted.patches}:
        group, _, version = api_version.rpartition("/")
        if version not in cluster.served.get(group, [version]):
            raise InvalidInputError(f"It does not serve {api_version}.")
    if lacking(cluster, wanted.patches):
        raise InvalidInputError("The console may not write it there: grant the apply role of its page first.")
    where = drafts.places_of([(cluster, patch) for patch in wanted.patches])
    if not access.may_everywhere(actor, Permission.PROPOSE, where):
        raise InvalidInputError("Your roles do not let you propose everywhere it would be written there.")
    return wanted


def _wanted(cluster: Cluster, actor: User, wish: Wish) -> _Wanted:
    if wish.manifests:
        return _Wanted(tuple(patches_from(wish.manifests, cluster)))
    if wish.code:
        return _mended(cluster, actor, wish)
    remedy = "" if wish.remedy is Remedy.EVERYTHING else Remedy.HOSTS.value
    proposal = generate(cluster, remedy, Target(namespaces=wish.namespaces))
    return _Wanted(proposal.patches, proposal.warnings)


def _mended(cluster: Cluster, actor: User, wish: Wish) -> _Wanted:
    """What mends every open finding of the check, each upon what the ones before leave."""
    findings = analysis.open_findings(actor).filter(cluster=cluster, code=wish.code).exclude(remedy="")
    if wish.namespaces:
        findings = findings.filter(namespace__in=wish.namespaces)
    if not findings:
        raise InvalidInputError(f"No finding {wish.code} that the console can mend is open there.")
    snapshot, hostset = store.load(cluster), hostset_for(cluster)
    patches: list[ManifestPatch] = []
    warnings: list[str] = []
    reasons: list[str] = []
    for finding in findings:
        target = Target(ref=ResourceRef(finding.kind, finding.namespace, finding.name))
        try:
            proposal = catalogue.propose(snapshot, hostset, finding.remedy, target)
        except ProposalError as error:
            reasons.append(str(error))
            continue
        patches += proposal.patches
        warnings += proposal.warnings
        snapshot = apply(snapshot, proposal.patches)
    if not patches:
        raise InvalidInputError(" ".join(dict.fromkeys(reasons)), code="no_remedy")
    return _Wanted(folded(patches), tuple(dict.fromkeys(warnings)))


def _nowhere(left_out: Sequence[dict[str, str]]) -> str:
    told = " ".join(f"{one['cluster']}: {one['why']}" for one in left_out[:REASONS])
    more = len(left_out) - REASONS
    return f"There is nothing to change. {told}{f' And {more} more.' if more > 0 else ''}"
