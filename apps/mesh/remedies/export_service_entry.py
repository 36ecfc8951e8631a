"""Export a ServiceEntry to the namespaces that need the hosts it opens, and to nobody else.

The names are added to `exportTo`, behind those that are there. Where the field is empty, what the mesh's
`defaultServiceExportTo` says is written down first, so that nobody loses sight of the entry; `*` is never
added. Of an entry that is exported to nobody (`~`) that is taken to be meant. A simulation decides which
namespaces are left in: those in which a host turns. All hosts of the entry become visible there, which a
warning says of those that Speedscale does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from apps.mesh.blockages import Cause, blockages, by_cause, export_defaults
from apps.mesh.egress import EgressEngine
from apps.mesh.hosts import subset_of
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply, updated
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.opening import Wish, Work, Written, hindered, proposal, works
from apps.mesh.remedies.simulated import harm
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import NONE

NOTHING = "No ServiceEntry is hidden from those who need it: nothing to export."


def propose(context: RemedyContext, target: Target) -> Proposal:
    """One patch for each ServiceEntry that is hidden from who needs it. Raises ProposalError when none
    is, or when exporting it would turn nothing or take something from somebody."""
    work = works(_missed(context, target))
    if not work:
        raise ProposalError(NOTHING)
    return proposal(REMEDY, work, lambda item: _written(context, item), _summary)


def draft(context: RemedyContext, target: Target) -> Proposal:
    """As `propose`, but without asking whether the export alone turns anything: for use with an import."""
    work = works(_missed(context, target))
    if not work:
        raise ProposalError(NOTHING)

    def write(item: Work[ServiceEntry]) -> Written:
        patch = _patch(context, item.item, item.wishes)
        return Written(patch, item.wishes, tuple(_warnings(context, item, patch, item.wishes)))

    return proposal(REMEDY, work, write, _summary)


def _missed(context: RemedyContext, target: Target) -> Iterator[tuple[ServiceEntry, Wish]]:
    """The cells that were asked for, else the hosts that Speedscale needs."""
    for entry, wish in _cells(context, target) if target.scopes or target.cells else _needed(context, target):
        if target.ref is None or target.ref.kind != "ServiceEntry" or target.ref == entry.ref:
            yield entry, wish


def _needed(context: RemedyContext, target: Target) -> Iterator[tuple[ServiceEntry, Wish]]:
    """The hosts that Speedscale needs, of the namespaces and hosts that were named."""
    blocked = context.snapshot.derived(blockages, context.hostset)
    for item in by_cause(blocked, Cause.HIDDEN):
        if target.namespaces and item.need.namespace not in target.namespaces:
            continue
        if item.entry is not None and (not target.hosts or item.host.host in target.hosts):
            need, entry = item.need, item.entry
            yield entry, Wish(need.scope_key, need.workload, item.host.destination, entry.namespace)


def _cells(context: RemedyContext, target: Target) -> Iterator[tuple[ServiceEntry, Wish]]:
    for why, key, workload, destination in hindered(context, target, Cause.HIDDEN):
        if why.entry is not None:
            yield why.entry, Wish(key, workload, destination, why.entry.namespace)


def _written(context: RemedyContext, work: Work[ServiceEntry]) -> Written:
    """The export to those namespaces in which it turns something, and what it turns. Raises ProposalError."""
    ref = work.item.ref
    gained = _gained(context, _patch(context, work.item, work.wishes), work)
    if not gained:
        why = "something else stands in the way as well, for example a Sidecar that does not import it."
        raise ProposalError(f"Exporting {ref} alone opens nothing: {why}")
    patch = _patch(context, work.item, gained)
    if lost := harm(context, apply(context.snapshot, [patch])):
        raise ProposalError(f"{ref} cannot be exported without a loss: {lost}")
    return Written(patch, gained, tuple(_warnings(context, work, patch, gained)))


def _patch(context: RemedyContext, entry: ServiceEntry, wishes: Iterable[Wish]) -> ManifestPatch:
    """The entry, exported to the namespaces of the wishes as well. Raises ProposalError."""
    ref, before, known = entry.ref, context.snapshot.manifest(entry.ref), _known(context, entry)
    if before is None or known is None:
        raise ProposalError(
            f"What {ref} is exported to is not the same for all who need it; name them in it."
        )
    if NONE in known:
        raise ProposalError(f"{ref} is exported to nobody (~), which is taken to be meant.")
    names = list(dict.fromkeys((*known, *sorted(wish.namespace for wish in wishes))))
    return updated(before, {**before, "spec": {**before["spec"], "exportTo": names}})


def _known(context: RemedyContext, entry: ServiceEntry) -> tuple[str, ...] | None:
    """What the entry is exported to now; None when the field is empty and control planes differ."""
    if entry.export_to:
        return entry.export_to
    defaults = {export_defaults(context.snapshot, scope.representative) for scope in context.engine.scopes()}
    return defaults.pop() if len(defaults) == 1 else None


def _gained(context: RemedyContext, patch: ManifestPatch, work: Work[ServiceEntry]) -> tuple[Wish, ...]:
    engine = apply(context.snapshot, [patch]).derived(EgressEngine)
    return tuple(w for w in work.wishes if engine.answer(w.workload, w.destination).verdict.reachable)


def _warnings(
    context: RemedyContext, work: Work[ServiceEntry], patch: ManifestPatch, gained: Sequence[Wish]
) -> Iterator[str]:
    ref, manifest = work.item.ref, patch.before or {}
    if (keeper := keeper_of(manifest)) is not None:
        yield keeper.warning(ref)
    if owners := managers_of(manifest, "exportTo"):
        yield f"spec.exportTo of {ref} is owned by {', '.join(owners)}; applying takes the list over."
    wanted = [host.host for host in context.dialled.hosts]
    others = [host for host in work.item.hosts if not any(subset_of(host, other) for other in wanted)]
    if others:
        names = listed(sorted({wish.namespace for wish in gained}))
        yield f"{ref} opens {listed(others)} as well, which {names} can then reach."
    left = sorted({wish.namespace for wish in work.wishes} - {wish.namespace for wish in gained})
    if left:
        yield f"In {listed(left)} its hosts stay blocked for another reason; {ref} is not exported there."


def _summary(patches: Sequence[ManifestPatch], turned: Sequence[Wish]) -> str:
    names = listed(sorted({wish.namespace for wish in turned}))
    hosts = listed(dict.fromkeys(wish.destination.host for wish in turned))
    return f"Export {listed(str(patch.ref) for patch in patches)} to {names}; opens {hosts}."


REMEDY = Remedy(
    name="export-service-entry",
    title="Export the ServiceEntry to those who need it",
    doc=__doc__ or "",
    propose=propose,
)
