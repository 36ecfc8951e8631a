"""Export a ServiceEntry to the namespaces that need the hosts it opens, and to nobody else.

The names are added to `exportTo`, behind those that are there. Where the field is empty, what the mesh's
`defaultServiceExportTo` says is written down first, so that nobody loses sight of the entry; `*` is never
added. Of an entry that is exported to nobody (`~`) that is taken to be meant. A simulation decides which
namespaces are left in: those in which a host turns. All hosts of the entry become visible there, which a
warning says of those that Speedscale does not need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from apps.mesh.blockages import Cause, blockages, by_cause, export_defaults, hindrance
from apps.mesh.egress import EgressEngine
from apps.mesh.hosts import subset_of
from apps.mesh.hostsets import RequiredHost
from apps.mesh.needs import entries_for
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.objects.workloads import Workload
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.simulated import harm
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import NONE


@dataclass(frozen=True, slots=True)
class _Wish:
    """A host that somebody cannot reach because an entry is not exported to the namespace."""

    scope_key: str
    workload: Workload
    host: RequiredHost


@dataclass(slots=True)
class _Work:
    """An entry with everything that is missed because of its exportTo."""

    entry: ServiceEntry
    wishes: list[_Wish] = field(default_factory=list)


def propose(context: RemedyContext, target: Target) -> Proposal:
    """One patch for each ServiceEntry that is hidden from who needs it. Raises ProposalError when none
    is, or when exporting it would turn nothing or take something from somebody."""
    work = _work(context, target)
    if not work:
        raise ProposalError("No ServiceEntry is hidden from those who need it: nothing to export.")
    patches: list[ManifestPatch] = []
    turned: list[_Wish] = []
    warnings: list[str] = []
    for item in work:
        patch, gained, problem = _patch(context, item)
        if patch is None:
            warnings.append(problem)
            continue
        patches.append(patch)
        turned.extend(gained)
        warnings.extend(_warnings(context, item, patch, gained))
    if not patches:
        raise ProposalError(warnings[0])
    return Proposal(
        remedy=REMEDY.name,
        title=REMEDY.title,
        summary=_summary(patches, turned),
        patches=tuple(patches),
        opens=tuple(dict.fromkeys((wish.scope_key, wish.host.host) for wish in turned)),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _work(context: RemedyContext, target: Target) -> list[_Work]:
    found: dict[ResourceRef, _Work] = {}
    for entry, wish in _cells(context, target) if target.scopes else _needed(context, target):
        if target.ref is None or target.ref.kind != "ServiceEntry" or target.ref == entry.ref:
            found.setdefault(entry.ref, _Work(entry)).wishes.append(wish)
    return [found[ref] for ref in sorted(found)]


def _needed(context: RemedyContext, target: Target) -> Iterator[tuple[ServiceEntry, _Wish]]:
    """The hosts that Speedscale needs, of the namespaces and hosts that were named."""
    blocked = context.snapshot.derived(blockages, context.hostset)
    for item in by_cause(blocked, Cause.HIDDEN):
        if target.namespaces and item.need.namespace not in target.namespaces:
            continue
        if item.entry is not None and (not target.hosts or item.host.host in target.hosts):
            yield item.entry, _Wish(item.need.scope_key, item.need.workload, item.host)


def _cells(context: RemedyContext, target: Target) -> Iterator[tuple[ServiceEntry, _Wish]]:
    """The cells of the scopes that were named, whoever is in them."""
    hostset = context.dialled.only(target.hosts) if target.hosts else context.dialled
    entries = context.snapshot.each(ServiceEntry)
    for scope in context.engine.scopes():
        for host in hostset.hosts if scope.key in target.scopes else ():
            workload = scope.representative
            if not context.engine.answer(workload, host.destination).verdict.blocked:
                continue
            why = hindrance(context.snapshot, context.engine, workload, host, entries_for(entries, host))
            if why.cause is Cause.HIDDEN and why.entry is not None:
                yield why.entry, _Wish(scope.key, workload, host)


def _patch(context: RemedyContext, work: _Work) -> tuple[ManifestPatch | None, list[_Wish], str]:
    """The export to those namespaces in which it turns something, and what it turns; or why there is none."""
    ref, before = work.entry.ref, context.snapshot.manifest(work.entry.ref)
    known = _known(context, work)
    if before is None or known is None:
        return None, [], f"What {ref} is exported to is not the same for all who need it; name them in it."
    if NONE in known:
        return None, [], f"{ref} is exported to nobody (~), which is taken to be meant."
    patch = _exported(before, known, [wish.workload.namespace for wish in work.wishes])
    gained = _gained(context, patch, work)
    if not gained:
        why = "something else stands in the way as well, for example a Sidecar that does not import it."
        return None, [], f"Exporting {ref} alone opens nothing: {why}"
    patch = _exported(before, known, [wish.workload.namespace for wish in gained])
    if lost := harm(context, [patch]):
        return None, [], f"{ref} cannot be exported without a loss: {lost}"
    return patch, gained, ""


def _known(context: RemedyContext, work: _Work) -> tuple[str, ...] | None:
    """What the entry is exported to now; None when the field is empty and control planes differ."""
    if work.entry.export_to:
        return work.entry.export_to
    defaults = {export_defaults(context.snapshot, scope.representative) for scope in context.engine.scopes()}
    return defaults.pop() if len(defaults) == 1 else None


def _exported(before: Manifest, known: Sequence[str], namespaces: Sequence[str]) -> ManifestPatch:
    names = list(dict.fromkeys((*known, *sorted(namespaces))))
    return updated(before, {**before, "spec": {**before["spec"], "exportTo": names}})


def _gained(context: RemedyContext, patch: ManifestPatch, work: _Work) -> list[_Wish]:
    engine = EgressEngine(apply(context.snapshot, [patch]))
    return [w for w in work.wishes if engine.answer(w.workload, w.host.destination).verdict.reachable]


def _warnings(
    context: RemedyContext, work: _Work, patch: ManifestPatch, gained: Sequence[_Wish]
) -> Iterator[str]:
    ref, manifest = work.entry.ref, patch.before or {}
    if (keeper := keeper_of(manifest)) is not None:
        yield keeper.warning(ref)
    if owners := managers_of(manifest, "exportTo"):
        yield f"spec.exportTo of {ref} is owned by {', '.join(owners)}; applying takes the list over."
    wanted = [host.host for host in context.dialled.hosts]
    others = [host for host in work.entry.hosts if not any(subset_of(host, other) for other in wanted)]
    if others:
        names = listed(sorted({wish.workload.namespace for wish in gained}))
        yield f"{ref} opens {listed(others)} as well, which {names} can then reach."
    left = sorted({w.workload.namespace for w in work.wishes} - {w.workload.namespace for w in gained})
    if left:
        yield f"In {listed(left)} its hosts stay blocked for another reason; {ref} is not exported there."


def _summary(patches: Sequence[ManifestPatch], turned: Sequence[_Wish]) -> str:
    names = listed(sorted({wish.workload.namespace for wish in turned}))
    hosts = listed(dict.fromkeys(wish.host.host for wish in turned))
    return f"Export {listed(str(patch.ref) for patch in patches)} to {names}; opens {hosts}."


REMEDY = Remedy(
    name="export-service-entry",
    title="Export the ServiceEntry to those who need it",
    doc=__doc__ or "",
    propose=propose,
)
