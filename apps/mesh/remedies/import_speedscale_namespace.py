"""Let a Sidecar import Speedscale's namespace, and keep every host that it lists.

`speedscale/*` is added to the `hosts` of the egress listener that serves the forwarder: the catch-all
one, or the one that owns the forwarder's port. All other listeners, hosts and fields stay. The list is
written whole, because it is atomic for the API server. A Sidecar without `egress` imports everything
and needs nothing; a Sidecar is never created, because a new one narrows a namespace to what it lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.mesh.blockages import (
    Cause,
    blockages,
    by_cause,
    catch_all_index,
    hindrance,
    imports,
    sidecar_of,
)
from apps.mesh.capture import captures
from apps.mesh.egress import EgressEngine
from apps.mesh.injection import injections
from apps.mesh.needs import entries_for
from apps.mesh.objects.networking import ServiceEntry, Sidecar
from apps.mesh.objects.workloads import Workload
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import FORWARDER_NAME, FORWARDER_PORT, forwarder_host, installs, serving
from apps.mesh.verdicts import Destination, Protocol


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody cannot reach because a Sidecar does not import `owner`."""

    workload: Workload
    destination: Destination
    owner: str


@dataclass(slots=True)
class _Work:
    """A Sidecar with everything that is missed because of it."""

    sidecar: Sidecar
    wishes: list[_Wish] = field(default_factory=list)

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(wish.owner for wish in self.wishes))


def propose(context: RemedyContext, target: Target) -> Proposal:
    """One patch for each Sidecar that stands between captured workloads and Speedscale. Raises
    ProposalError when none does, or when importing the namespace would not turn it."""
    work = [item for item in _work(context, target) if _meant(item, target, context.engine)]
    if not work:
        raise ProposalError("No Sidecar keeps captured workloads from Speedscale: nothing to import.")
    patches: list[ManifestPatch] = []
    turned: list[_Wish] = []
    warnings: list[str] = []
    for item in work:
        if not _readable(context.snapshot.manifest(item.sidecar.ref)):
            warnings.append(f"{item.sidecar.ref} has egress listeners that cannot be read; mend those first.")
            continue
        patch, gained = _patch(context, item)
        if patch is None:
            warnings.append(f"{item.sidecar.ref} excludes the namespace; an import does not undo that.")
            continue
        patches.append(patch)
        turned.extend(gained)
        warnings.extend(_warnings(context, item))
    if not patches:
        raise ProposalError(warnings[0])
    return Proposal(
        remedy=REMEDY.name,
        title=REMEDY.title,
        summary=_summary(patches, work, turned),
        patches=tuple(patches),
        opens=tuple(_opens(context, turned)),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _work(context: RemedyContext, target: Target) -> list[_Work]:
    """Of a cell only what the cell asks for, else everything that Speedscale needs."""
    found: dict[ResourceRef, _Work] = {}
    wishes = _cell_wishes(context, target) if target.scopes else ()
    if not target.hosts:
        wishes = (*wishes, *_forwarder_wishes(context), *_host_wishes(context))
    for sidecar, wish in wishes:
        work = found.setdefault(sidecar.ref, _Work(sidecar))
        if wish not in work.wishes:
            work.wishes.append(wish)
    return [found[ref] for ref in sorted(found)]


def _forwarder_wishes(context: RemedyContext) -> Iterator[tuple[Sidecar, _Wish]]:
    """Captured workloads behind a proxy that does not know the forwarder."""
    found = context.snapshot.derived(installs)
    captured, injected = context.snapshot.derived(captures), context.snapshot.derived(injections)
    seen: set[tuple[str, ResourceRef]] = set()
    for workload in context.snapshot.workloads:
        install = serving(found, workload.namespace)
        if install is None or not captured[workload.ref].wanted or not injected[workload.ref].meshed:
            continue
        sidecar = sidecar_of(context.snapshot, context.engine, workload)
        host = forwarder_host(install)
        if sidecar is None or imports(sidecar, workload.namespace, install.namespace, host, FORWARDER_PORT):
            continue
        key = (context.engine.scope_of(workload).key, sidecar.ref)
        destination = Destination(host, FORWARDER_PORT, Protocol.HTTP)
        if key not in seen and context.engine.answer(workload, destination).verdict.blocked:
            seen.add(key)
            yield sidecar, _Wish(workload, destination, install.namespace)


def _host_wishes(context: RemedyContext) -> Iterator[tuple[Sidecar, _Wish]]:
    """Required hosts whose ServiceEntry is there and not imported."""
    blocked = context.snapshot.derived(blockages, context.hostset)
    for item in by_cause(blocked, Cause.NOT_IMPORTED):
        if item.sidecar is not None and item.entry is not None:
            yield item.sidecar, _Wish(item.need.workload, item.host.destination, item.entry.namespace)


def _cell_wishes(context: RemedyContext, target: Target) -> Iterator[tuple[Sidecar, _Wish]]:
    """The cells of the scopes that were named, whoever is in them."""
    hostset = context.dialled.only(target.hosts) if target.hosts else context.dialled
    entries = context.snapshot.each(ServiceEntry)
    for scope in context.engine.scopes():
        for host in hostset.hosts if scope.key in target.scopes else ():
            workload = scope.representative
            if not context.engine.answer(workload, host.destination).verdict.blocked:
                continue
            why = hindrance(context.snapshot, context.engine, workload, host, entries_for(entries, host))
            if why.cause is Cause.NOT_IMPORTED and why.sidecar is not None and why.entry is not None:
                yield why.sidecar, _Wish(workload, host.destination, why.entry.namespace)


def _meant(work: _Work, target: Target, engine: EgressEngine) -> bool:
    if target.ref is not None and target.ref.kind == "Sidecar":
        return work.sidecar.ref == target.ref
    if target.namespaces and not {wish.workload.namespace for wish in work.wishes} & set(target.namespaces):
        return False
    if target.scopes:
        return bool({engine.scope_of(wish.workload).key for wish in work.wishes} & set(target.scopes))
    return True


def _patch(context: RemedyContext, work: _Work) -> tuple[ManifestPatch | None, list[_Wish]]:
    """The first place for the import that turns every wish; else the one that turns most."""
    before = context.snapshot.manifest(work.sidecar.ref)
    if before is None:
        return None, []
    best: tuple[ManifestPatch | None, list[_Wish]] = (None, [])
    for places in _places(work.sidecar, work.wishes):
        patch = updated(before, _merged(before, places, work))
        gained = _gained(context, patch, work)
        if len(gained) > len(best[1]):
            best = (patch, gained)
        if len(gained) == len(work.wishes):
            break
    return best


def _places(sidecar: Sidecar, wishes: Sequence[_Wish]) -> Iterator[tuple[int, ...]]:
    """Indices of the egress listeners to try: the catch-all, then those of the ports that are dialled.
    An index behind the last one stands for a new catch-all listener."""
    catch_all = catch_all_index(sidecar)
    default = len(sidecar.egress) if catch_all is None else catch_all
    numbers = {wish.destination.port for wish in wishes}
    ports = tuple(
        index
        for index, listener in enumerate(sidecar.egress)
        if listener.port is not None and listener.port.number in numbers
    )
    yield (default,)
    if ports:
        yield ports
        yield (*ports, default)


def _readable(before: Manifest | None) -> bool:
    """Whether the listeners stand in the manifest as they were read, so that one can be added to."""
    spec = before.get("spec") if before is not None else None
    egress = spec.get("egress") if isinstance(spec, Mapping) else None
    return isinstance(egress, list | tuple) and all(
        isinstance(item, Mapping) and isinstance(item.get("hosts") or (), list | tuple) for item in egress
    )


def _merged(before: Manifest, places: Sequence[int], work: _Work) -> Manifest:
    """The Sidecar with the imports appended at these listeners; nothing else differs."""
    spec = before["spec"]
    egress: list[Mapping[str, Any]] = list(spec["egress"])
    more = [_entry(owner, work.sidecar) for owner in work.owners]
    for index in places:
        if index >= len(egress):
            egress.append({"hosts": more})
            continue
        known = list(egress[index].get("hosts") or ())
        egress[index] = {**egress[index], "hosts": [*known, *(item for item in more if item not in known)]}
    return {**before, "spec": {**spec, "egress": egress}}


def _entry(owner: str, sidecar: Sidecar) -> str:
    return "./*" if owner == sidecar.namespace else f"{owner}/*"


def _gained(context: RemedyContext, patch: ManifestPatch, work: _Work) -> list[_Wish]:
    after = apply(context.snapshot, [patch])
    engine = EgressEngine(after)
    sidecar = after.get(work.sidecar.ref)
    if not isinstance(sidecar, Sidecar):
        return []
    return [wish for wish in work.wishes if _granted(engine, sidecar, wish, context)]


def _granted(engine: EgressEngine, sidecar: Sidecar, wish: _Wish, context: RemedyContext) -> bool:
    """Reachable now; or imported, where the Service itself was not among what was read."""
    if engine.answer(wish.workload, wish.destination).verdict.reachable:
        return True
    place = (wish.workload.namespace, wish.owner, wish.destination.host, wish.destination.port)
    return _unseen_forwarder(context, wish) and imports(sidecar, *place)


def _unseen_forwarder(context: RemedyContext, wish: _Wish) -> bool:
    """Whether the forwarder is dialled and its Service is not in the snapshot."""
    ref = ResourceRef("Service", wish.owner, FORWARDER_NAME)
    return wish.destination.host.startswith(f"{FORWARDER_NAME}.") and not context.snapshot.exists(ref)


def _warnings(context: RemedyContext, work: _Work) -> Iterator[str]:
    ref = work.sidecar.ref
    manifest = context.snapshot.manifest(ref) or {}
    keeper = keeper_of(manifest)
    if keeper is not None:
        yield keeper.warning(ref)
    owners = managers_of(manifest, "egress")
    if owners:
        yield f"spec.egress of {ref} is owned by {', '.join(owners)}; applying takes the list over."
    elsewhere = {wish.workload.namespace for wish in work.wishes} - {work.sidecar.namespace}
    if elsewhere:
        yield f"{ref} is the mesh default: it counts in every namespace without a Sidecar."
    for wish in work.wishes:
        if _unseen_forwarder(context, wish):
            yield f"Service {wish.owner}/{FORWARDER_NAME} was not among what was read."


def _opens(context: RemedyContext, turned: Sequence[_Wish]) -> Iterator[tuple[str, str]]:
    for wish in turned:
        yield context.engine.scope_of(wish.workload).key, wish.destination.host


def _summary(patches: Sequence[ManifestPatch], work: Sequence[_Work], turned: Sequence[_Wish]) -> str:
    owners = ", ".join(dict.fromkeys(f"{owner}/*" for item in work for owner in item.owners))
    hosts = listed(dict.fromkeys(wish.destination.host for wish in turned))
    names = listed(str(patch.ref) for patch in patches)
    return f"Add {owners} to {names}, beside what is listed there; opens {hosts}."


REMEDY = Remedy(
    name="import-speedscale-namespace",
    title="Import Speedscale's namespace into the Sidecar",
    doc=__doc__ or "",
    propose=propose,
)
