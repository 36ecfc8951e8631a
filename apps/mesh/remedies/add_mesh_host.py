"""Let a VirtualService of a captured Service decide for calls from inside, where they fare as before.

The full name of the Service is added behind `hosts`, and `mesh` behind `gateways` where naming gateways
drops it. Nothing else is written, and only what cannot send a call elsewhere than today is offered: the
routes lead to that one Service as it is (no subset, rewrite, fault, timeout or retries), the last one takes
whatever the others leave, no other object speaks of its hosts, and a simulation shows that nothing is lost
and no finding appears. What else there is to decide, the owner of the routes has to decide.

Its public names then hold inside as well, on the Service's ports for HTTP, which a warning says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.hosts import is_wildcard, subset_of
from apps.mesh.objects.networking import ServiceEntry, VirtualService
from apps.mesh.outsideonly import OutsideOnly, destination_hosts, full_hosts, outside_only, speaks_in_mesh
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply, updated
from apps.mesh.references import MESH_GATEWAY
from apps.mesh.refs import Manifest
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.simulated import harm, new_finding
from apps.mesh.rules.wording import listed

PLAIN = frozenset({"name", "match", "route"})
"""The fields of a route that say which calls it takes and where they go, and nothing of how."""


def propose(context: RemedyContext, target: Target) -> Proposal:
    """One patch for each VirtualService of which this is certain. Raises ProposalError when there is none."""
    if target.hosts or target.scopes:
        raise ProposalError("A VirtualService has no part in whether these hosts are reached.")
    every = tuple(outside_only(context.snapshot))
    patches: list[ManifestPatch] = []
    warnings: list[str] = []
    for found in every:
        if not _meant(found.item, target):
            continue
        doubt = _doubt(context, found, every)
        patch = _patch(context, found) if not doubt else None
        doubt = doubt or ("it cannot be read" if patch is None else "")
        if patch is not None:
            after = apply(context.snapshot, [patch])
            doubt = (harm(context, after) or new_finding(context, after)).rstrip(".")
        if doubt or patch is None:
            warnings.append(f"{found.item.ref} is left as it is: {doubt}.")
            continue
        patches.append(patch)
        warnings.extend(_warnings(context, found))
    if not patches:
        raise ProposalError(warnings[0] if warnings else "No VirtualService lacks a captured Service's name.")
    return Proposal(
        remedy=REMEDY.name,
        title=REMEDY.title,
        summary=f"Let {listed(str(patch.ref) for patch in patches)} decide for calls from inside as well.",
        patches=tuple(patches),
        opens=(),
        warnings=tuple(warnings),
    )


def _meant(item: VirtualService, target: Target) -> bool:
    if target.ref is not None and target.ref.kind == "VirtualService":
        return item.ref == target.ref
    return not target.namespaces or item.namespace in target.namespaces


def _doubt(context: RemedyContext, found: OutsideOnly, every: tuple[OutsideOnly, ...]) -> str:
    """Why a call from inside might fare otherwise than today; "" where it cannot."""
    item = found.item
    if item.tls or item.tcp or not item.http:
        return "it has routes that are not for HTTP"
    if len(destination_hosts(item)) != 1:
        return "it routes to more than one Service"
    if any(other.item.ref != item.ref and set(other.lacking) & set(found.lacking) for other in every):
        return f"another VirtualService for outside only routes to {found.lacking[0]}"
    if any(not set(route.given) <= PLAIN or not route.destinations for route in item.http):
        return "its routes do more than to lead to the Service"
    if any(d.subset or d.port is not None or d.sets_headers for r in item.http for d in r.destinations):
        return "it routes to subsets, or to a port of its own choice"
    if item.http[-1].matches:
        return "its last route does not take every call, and a call that no route takes fails"
    if any(is_wildcard(host) for host in item.hosts):
        return "it names a wildcard, which may stand for more than this Service"
    taken = next(iter(_taken(context, item)), "")
    return f"{taken} speaks of its hosts as well" if taken else ""


def _taken(context: RemedyContext, item: VirtualService) -> Iterator[str]:
    """Other objects that calls to its hosts go by now."""
    hosts = full_hosts(item)
    for entry in context.snapshot.each(ServiceEntry):
        if any(subset_of(host, other) for host in hosts for other in entry.hosts):
            yield str(entry.ref)
    for other in context.snapshot.each(VirtualService):
        if other.ref == item.ref or not speaks_in_mesh(other):
            continue
        if any(subset_of(host, name) for host in hosts for name in full_hosts(other)):
            yield str(other.ref)


def _patch(context: RemedyContext, found: OutsideOnly) -> ManifestPatch | None:
    before: Manifest | None = context.snapshot.manifest(found.item.ref)
    spec = before.get("spec") if before is not None else None
    if before is None or not isinstance(spec, Mapping):
        return None
    more = {"hosts": found.absent, "gateways": () if found.in_mesh else (MESH_GATEWAY,)}
    if not all(isinstance(spec.get(key) or [], list | tuple) for key in more):
        return None
    lists = {key: [*(spec.get(key) or ()), *names] for key, names in more.items() if names}
    return updated(before, {**before, "spec": {**spec, **lists}})


def _warnings(context: RemedyContext, found: OutsideOnly) -> Iterator[str]:
    ref, manifest = found.item.ref, context.snapshot.manifest(found.item.ref) or {}
    if (keeper := keeper_of(manifest)) is not None:
        yield keeper.warning(ref)
    written = {"hosts": bool(found.absent), "gateways": not found.in_mesh}
    for field in (field for field, changes in written.items() if changes):
        if owners := managers_of(manifest, field):
            yield f"spec.{field} of {ref} is owned by {', '.join(owners)}; applying takes the list over."
    public = sorted(full_hosts(found.item) - set(found.lacking))
    if public and not found.in_mesh:
        yield f"Plain HTTP from inside to {listed(public)} goes to {found.lacking[0]} directly then."


REMEDY = Remedy(
    name="add-mesh-host",
    title="Let the VirtualService decide for calls from inside",
    doc=__doc__ or "",
    propose=propose,
)
