"""Let a Sidecar import Speedscale's namespace, and keep every host that it lists.

`speedscale/*` is added to the `hosts` of the egress listener that serves the forwarder: the catch-all
one, or the one that owns the forwarder's port. All other listeners, hosts and fields stay. The list is
written whole, because it is atomic for the API server. A Sidecar without `egress` imports everything
and needs nothing; a Sidecar is never created, because a new one narrows a namespace to what it lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.mesh.blockages import Cause, blockages, by_cause, imports, sidecar_of
from apps.mesh.capture import captures
from apps.mesh.egress import EgressEngine
from apps.mesh.injection import injections
from apps.mesh.objects.networking import Sidecar
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.opening import Wish, Work, Written, hindered, proposal, works
from apps.mesh.remedies.sidecars import importing, places, readable, warnings
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import FORWARDER_NAME, FORWARDER_PORT, forwarder_host, installs, serving
from apps.mesh.verdicts import Destination, Protocol


def propose(context: RemedyContext, target: Target) -> Proposal:
    """One patch for each Sidecar that stands between captured workloads and Speedscale. Raises
    ProposalError when none does, or when importing the namespace would not turn it."""
    work = [item for item in works(_missed(context, target)) if _meant(item, target)]
    if not work:
        raise ProposalError("No Sidecar keeps captured workloads from Speedscale: nothing to import.")
    return proposal(REMEDY, work, lambda item: _written(context, item), _summary)


def _missed(context: RemedyContext, target: Target) -> Iterator[tuple[Sidecar, Wish]]:
    """Of a cell only what the cell asks for, else everything that Speedscale needs."""
    if target.scopes or target.cells:
        yield from _cell_wishes(context, target)
    if not target.hosts and not target.cells:
        yield from _forwarder_wishes(context)
        yield from _host_wishes(context)


def _forwarder_wishes(context: RemedyContext) -> Iterator[tuple[Sidecar, Wish]]:
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
            yield sidecar, Wish(key[0], workload, destination, install.namespace)


def _host_wishes(context: RemedyContext) -> Iterator[tuple[Sidecar, Wish]]:
    """Required hosts whose ServiceEntry is there and not imported."""
    blocked = context.snapshot.derived(blockages, context.hostset)
    for item in by_cause(blocked, Cause.NOT_IMPORTED):
        if item.sidecar is not None and item.entry is not None:
            need, owner = item.need, item.entry.namespace
            yield item.sidecar, Wish(need.scope_key, need.workload, item.host.destination, owner)


def _cell_wishes(context: RemedyContext, target: Target) -> Iterator[tuple[Sidecar, Wish]]:
    for why, key, workload, destination in hindered(context, target, Cause.NOT_IMPORTED):
        if why.sidecar is not None and why.entry is not None:
            yield why.sidecar, Wish(key, workload, destination, why.entry.namespace)


def _meant(work: Work[Sidecar], target: Target) -> bool:
    if target.ref is not None and target.ref.kind == "Sidecar":
        return work.item.ref == target.ref
    if target.namespaces and not {wish.namespace for wish in work.wishes} & set(target.namespaces):
        return False
    if target.scopes:
        return bool({wish.scope_key for wish in work.wishes} & set(target.scopes))
    return True


def _written(context: RemedyContext, work: Work[Sidecar]) -> Written:
    """The first place for the imports that turns every wish, else the one that turns most; and of the
    imports only those that it takes. Raises ProposalError."""
    ref, before = work.item.ref, context.snapshot.manifest(work.item.ref)
    if before is None or not readable(before):
        raise ProposalError(f"{ref} has egress listeners that cannot be read; mend those first.")
    more = tuple(dict.fromkeys(_entry(wish.owner, work.item) for wish in work.wishes))
    best: tuple[Wish, ...] = ()
    where: tuple[int, ...] = ()
    for tried in places(work.item, {wish.destination.port for wish in work.wishes}):
        gained = _gained(context, _patch(before, tried, more), work)
        if len(gained) > len(best):
            best, where = gained, tried
        if len(gained) == len(work.wishes):
            break
    if not best:
        raise ProposalError(f"{ref} excludes the namespace; an import does not undo that.")
    for entry in reversed(more):
        fewer = tuple(item for item in more if item != entry)
        if fewer and _gained(context, _patch(before, where, fewer), work) == best:
            more = fewer
    return Written(_patch(before, where, more), best, tuple(_warnings(context, work)))


def _entry(owner: str, sidecar: Sidecar) -> str:
    return "./*" if owner == sidecar.namespace else f"{owner}/*"


def _patch(before: Manifest, where: Sequence[int], more: Sequence[str]) -> ManifestPatch:
    return importing(before, dict.fromkeys(where, more))


def _gained(context: RemedyContext, patch: ManifestPatch, work: Work[Sidecar]) -> tuple[Wish, ...]:
    after = apply(context.snapshot, [patch])
    engine = after.derived(EgressEngine)
    sidecar = after.get(work.item.ref)
    if not isinstance(sidecar, Sidecar):
        return ()
    return tuple(wish for wish in work.wishes if _granted(engine, sidecar, wish, context))


def _granted(engine: EgressEngine, sidecar: Sidecar, wish: Wish, context: RemedyContext) -> bool:
    """Reachable now; or imported, where the Service itself was not among what was read."""
    if engine.answer(wish.workload, wish.destination).verdict.reachable:
        return True
    place = (wish.workload.namespace, wish.owner, wish.destination.host, wish.destination.port)
    return _unseen_forwarder(context, wish) and imports(sidecar, *place)


def _unseen_forwarder(context: RemedyContext, wish: Wish) -> bool:
    """Whether the forwarder is dialled and its Service is not in the snapshot."""
    ref = ResourceRef("Service", wish.owner, FORWARDER_NAME)
    return wish.destination.host.startswith(f"{FORWARDER_NAME}.") and not context.snapshot.exists(ref)


def _warnings(context: RemedyContext, work: Work[Sidecar]) -> Iterator[str]:
    yield from warnings(context.snapshot, work.item.ref, {wish.namespace for wish in work.wishes})
    for wish in work.wishes:
        if _unseen_forwarder(context, wish):
            yield f"Service {wish.owner}/{FORWARDER_NAME} was not among what was read."


def _summary(patches: Sequence[ManifestPatch], turned: Sequence[Wish]) -> str:
    added = listed(dict.fromkeys(host for patch in patches for host in _added(patch)))
    hosts = listed(dict.fromkeys(wish.destination.host for wish in turned))
    names = listed(str(patch.ref) for patch in patches)
    return f"Add {added} to {names}, beside what is listed there; opens {hosts}."


def _added(patch: ManifestPatch) -> Iterator[str]:
    known = [listener.get("hosts") or () for listener in (patch.before or {})["spec"]["egress"]]
    for index, listener in enumerate((patch.after or {})["spec"]["egress"]):
        there = known[index] if index < len(known) else ()
        yield from (host for host in listener.get("hosts") or () if host not in there)


REMEDY = Remedy(
    name="import-speedscale-namespace",
    title="Import Speedscale's namespace into the Sidecar",
    doc=__doc__ or "",
    propose=propose,
)
