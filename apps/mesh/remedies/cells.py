"""The smallest entries and imports that let workloads reach hosts, be they of a host set or named elsewhere.

A host that no entry opens is listed in an entry of the workload's own namespace, which nobody else sees: one
that is there and exported to nobody else is extended, else one is created. Of somebody else's entry only the
readers are added to, and only where it names nothing but what is wanted. What the Sidecar in force does not
import is added to what it lists; a Sidecar is never created, because a new one narrows a namespace to what it
lists. A simulation decides what is left in: a part without which everything stays open is left out, and of a
namespace that would lose something nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.mesh.blockages import Cause, export_defaults, hindrance, imports, sidecar_of
from apps.mesh.egress import EgressEngine
from apps.mesh.hosts import is_address, is_wildcard, service_host, service_names
from apps.mesh.hostsets import RequiredHost
from apps.mesh.needs import HostEntry, entries_for
from apps.mesh.objects.networking import ServiceEntry, Sidecar
from apps.mesh.objects.workloads import Workload
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import ProposalError
from apps.mesh.remedies.parts import Imported, Named, Part, Shown, patches_of
from apps.mesh.remedies.serviceentries import free_name
from apps.mesh.remedies.sidecars import places, readable
from apps.mesh.remedies.sidecars import warnings as sidecar_warnings
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Protocol
from apps.mesh.visibility import NONE, PRIVATE, effective_export

ENTRY_NAME = "external-hosts"
Option = tuple[Part, ...]
ELSEWHERE = "Something else than an entry or an import stands in the way; the explanation of it says what."


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A workload, in the name of its egress scope, that shall reach a host. Each is only itself."""

    scope_key: str
    workload: Workload
    host: RequiredHost

    @property
    def namespace(self) -> str:
        return self.workload.namespace


@dataclass(frozen=True, slots=True)
class Opening:
    """`opens` are the cells that turn with the patches, `left` those that stay blocked, with the reason;
    `warnings` are sentences an approver must read."""

    patches: tuple[ManifestPatch, ...]
    opens: tuple[Cell, ...]
    left: Mapping[Cell, str]
    warnings: tuple[str, ...]


def opening(snapshot: Snapshot, cells: Iterable[Cell]) -> Opening:
    """What opens those of the cells that are blocked. Costs a simulation for each part."""
    engine = snapshot.derived(EgressEngine)
    spaces: dict[str, list[Cell]] = {}
    asked = {(cell.scope_key, cell.workload.ref, cell.host.destination): cell for cell in cells}
    for cell in sorted(asked.values(), key=lambda one: not is_wildcard(one.host.host)):
        if engine.answer(cell.workload, cell.host.destination).verdict.blocked:
            spaces.setdefault(cell.namespace, []).append(cell)
    parts: dict[Part, None] = {}
    left: dict[Cell, str] = {}
    for _, wanted in sorted(spaces.items()):
        found, why = _space(snapshot, wanted)
        parts.update(dict.fromkeys(found))
        left.update(why)
    patches = patches_of(snapshot, parts)
    after = apply(snapshot, patches).derived(EgressEngine)
    opens = tuple(cell for wanted in spaces.values() for cell in wanted if _reached(after, cell))
    left = {cell: why for cell, why in left.items() if cell not in opens}
    return Opening(patches, opens, left, tuple(_warnings(snapshot, parts, opens)))


def _space(snapshot: Snapshot, cells: Sequence[Cell]) -> tuple[tuple[Part, ...], dict[Cell, str]]:
    """The parts that open what is blocked in one namespace, and the cells that they do not open, with why."""
    parts, opened, left = _tried(snapshot, cells)
    for part in reversed(parts):
        fewer = tuple(one for one in parts if one != part)
        engine = _with(snapshot, fewer)
        if all(_reached(engine, cell) for cell in opened):
            parts = fewer
    if parts and (lost := _lost(snapshot, parts, cells[0].namespace)):
        return (), {**left, **dict.fromkeys(opened, f"Opened like this, {lost}")}
    return parts, left


def _tried(snapshot: Snapshot, cells: Sequence[Cell]) -> tuple[tuple[Part, ...], list[Cell], dict[Cell, str]]:
    """The cells that their first option, or else a later one, turns, with the parts of those options."""
    options: dict[Cell, list[Option]] = {}
    left: dict[Cell, str] = {}
    for cell in cells:
        try:
            options[cell] = list(_options(snapshot, cell, cells))
        except ProposalError as error:
            left[cell] = str(error)
    parts: dict[Part, None] = {}
    opened: list[Cell] = []
    while waiting := {cell: found.pop(0) for cell, found in options.items() if found}:
        engine = _with(snapshot, {**parts, **dict.fromkeys(part for one in waiting.values() for part in one)})
        for cell in [cell for cell in waiting if _reached(engine, cell)]:
            parts.update(dict.fromkeys(waiting[cell]))
            opened.append(cell)
            del options[cell]
    return tuple(parts), opened, {**left, **dict.fromkeys(options, ELSEWHERE)}


def _lost(snapshot: Snapshot, parts: Iterable[Part], namespace: str) -> str:
    """What somebody in the namespace reaches now and would not then; "" for nothing."""
    engine, after = snapshot.derived(EgressEngine), _with(snapshot, parts)
    for _, scope in engine.scopes_in(namespace):
        kept = {service[:2] for service in after.reachable(after.scope_of(scope.representative))}
        if lost := {service[:2] for service in engine.reachable(scope)} - kept:
            host, port = min(lost)
            return f"{scope.label} would lose {host}:{port}."
    return ""


def _with(snapshot: Snapshot, parts: Iterable[Part]) -> EgressEngine:
    return apply(snapshot, patches_of(snapshot, parts)).derived(EgressEngine)


def _reached(engine: EgressEngine, cell: Cell) -> bool:
    return engine.answer(cell.workload, cell.host.destination).verdict.reachable


def _options(snapshot: Snapshot, cell: Cell, wanted: Sequence[Cell]) -> Iterator[Option]:
    """Ways to open a cell, the smallest first. Raises ProposalError with the reason when there is none."""
    engine, host = snapshot.derived(EgressEngine), cell.host
    sidecar = sidecar_of(snapshot, engine, cell.workload)
    named = entries_for(snapshot.each(ServiceEntry), host)
    why = hindrance(snapshot, engine, cell.workload, host, named)
    if why.cause is Cause.NOT_IMPORTED:
        seen = next(item for item in named if item.entry == why.entry)
        yield from _imports(snapshot, sidecar, cell, seen.entry.namespace, seen.named)
        return
    if why.cause is Cause.OTHER:
        raise ProposalError(ELSEWHERE)
    if (service := _service(snapshot, host.host)) is not None:
        if imports(sidecar, cell.namespace, service.namespace, _full(service), host.port):
            raise ProposalError(ELSEWHERE)
        yield from _imports(snapshot, sidecar, cell, service.namespace, _full(service))
        return
    _refuse(host)
    if why.cause is Cause.HIDDEN:
        for item in named:
            if item.entry == why.entry and (shown := _shown(snapshot, item, cell, wanted)) is not None:
                for more in _imports(snapshot, sidecar, cell, item.entry.namespace, item.named):
                    yield (shown, *more)
    own = _own_entry(snapshot, cell)
    for more in _imports(snapshot, sidecar, cell, cell.namespace, host.host):
        yield (Named(own, host), *more)


def _imports(
    snapshot: Snapshot, sidecar: Sidecar | None, cell: Cell, owner: str, host: str
) -> Iterator[Option]:
    """Ways to import a host of a namespace; one of no part where it is imported already."""
    if sidecar is None or imports(sidecar, cell.namespace, owner, host, cell.host.port):
        yield ()
        return
    if not readable(snapshot.manifest(sidecar.ref) or {}):
        raise ProposalError(f"{sidecar.ref} has egress listeners that cannot be read; mend those first.")
    text = f"{'.' if owner == cell.namespace else owner}/{host}"  # `.` is the workload's own, always
    for indices in places(sidecar, {cell.host.port}):
        yield tuple(Imported(sidecar.ref, index, text) for index in indices)


def _refuse(host: RequiredHost) -> None:
    """Raises ProposalError for a host that an entry of a name alone cannot open, or opens too much for."""
    if host.protocol is Protocol.TCP:
        raise ProposalError(
            f"{host.key} is plain TCP, which does not say for which host it is: its entry needs addresses. "
            "Write it by hand."
        )
    if is_address(host.host):
        raise ProposalError(f"{host.key} is an address: its entry needs a name. Write it by hand.")
    if "." not in host.host or host.host.endswith((".svc", ".local")):
        raise ProposalError(f"{host.key} is a name inside the cluster, and no Service of it is known.")


def _service(snapshot: Snapshot, host: str) -> ResourceRef | None:
    """The Service that a name inside the cluster means, if it is there."""
    names = service_names(host) if host.endswith((".svc", ".local")) else None
    ref = ResourceRef("Service", names[1], names[0]) if names is not None else None
    return ref if ref is not None and snapshot.exists(ref) else None


def _full(service: ResourceRef) -> str:
    return service_host(service.name, service.namespace)


def _shown(snapshot: Snapshot, item: HostEntry, cell: Cell, wanted: Sequence[Cell]) -> Part | None:
    """The export of an entry that lists nothing but hosts which the scope shall reach, on their ports."""
    entry, mine = item.entry, [one.host for one in wanted if one.scope_key == cell.scope_key]
    if not entry.export_to or NONE in entry.export_to or _kept(snapshot, entry.ref, "exportTo"):
        return None
    asked = {(host.host, host.port) for host in mine}
    if {(name, port.number) for name in entry.hosts for port in entry.ports} <= asked:
        return Shown(entry.ref, cell.namespace)
    return None


def _own_entry(snapshot: Snapshot, cell: Cell) -> ResourceRef:
    """The entry to list the host in: of its namespace, seen by nobody else, and right as it is for this port
    and protocol alone; one that is not there yet where there is none."""
    default = export_defaults(snapshot, cell.workload)
    for entry in snapshot.each(ServiceEntry):
        readers = effective_export(entry.export_to, default, entry.namespace)
        if entry.namespace != cell.namespace or not readers <= {PRIVATE, cell.namespace}:
            continue
        ports = [(port.number, port.protocol) for port in entry.ports]
        plain = not (entry.addresses or entry.endpoints or entry.workload_selector is not None)
        right = entry.resolution == "NONE" and entry.location == "MESH_EXTERNAL"
        alone = ports == [(cell.host.port, cell.host.protocol.value)]
        if alone and plain and right and not _kept(snapshot, entry.ref, "hosts"):
            return entry.ref
    name = free_name(snapshot, cell.namespace, cell.host, ENTRY_NAME)
    return ResourceRef("ServiceEntry", cell.namespace, name)


def _kept(snapshot: Snapshot, ref: ResourceRef, field: str) -> bool:
    """Whether somebody else owns the field, or puts the object back."""
    manifest = snapshot.manifest(ref) or {}
    keeper = keeper_of(manifest)
    return (keeper is not None and keeper.reverts) or bool(managers_of(manifest, field))


def _warnings(snapshot: Snapshot, parts: Iterable[Part], opens: Sequence[Cell]) -> Iterator[str]:
    known = [part for part in parts if snapshot.exists(part.ref)]
    engine = snapshot.derived(EgressEngine)
    for ref in dict.fromkeys(part.ref for part in known):
        if ref.kind == "Sidecar":
            scopes = (engine.scope_of(cell.workload) for cell in opens)
            yield from sidecar_warnings(snapshot, ref, {s.namespace for s in scopes if s.sidecar == ref})
        elif (keeper := keeper_of(snapshot.manifest(ref) or {})) is not None:
            yield keeper.warning(ref)
    if shown := [part for part in known if isinstance(part, Shown)]:
        owner = shown[0].ref.namespace
        yield f"{shown[0].ref} belongs to {owner}, whose owners should know of its new readers."
