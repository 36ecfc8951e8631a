"""Open the required hosts that are blocked, with one ServiceEntry and nothing more than is needed.

The entry that was made for these hosts is extended by what it lacks, if it is right in port, protocol
and resolution, no GitOps tool keeps it and no other field manager owns its list of hosts; its other
hosts and fields stay as they are. Otherwise an entry in the shape of Speedscale's page is created beside
it, in Speedscale's namespace, with only what is missing. A simulation decides which hosts are left in:
those that it shows to turn. What stays blocked for another reason (a Sidecar, an exportTo) is named in a
warning. Hosts of which clients send plain TCP are left to people: such an entry needs their addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.mesh.blockages import home_entry
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import HostSet, RequiredHost
from apps.mesh.needs import Need, host_needs
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.objects.workloads import Workload
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, PatchAction, apply, created, updated
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.serviceentries import extended, new_entry
from apps.mesh.rules.wording import counted
from apps.mesh.speedscale import installs
from apps.mesh.tenancy import hosts_of
from apps.mesh.verdicts import Protocol


@dataclass(frozen=True, slots=True)
class _Cell:
    """A blocked host of somebody who needs it."""

    scope_key: str
    namespace: str
    workload: Workload
    host: RequiredHost


def propose(context: RemedyContext, target: Target) -> Proposal:
    """The patch that opens what is blocked of the target; by default everything that Speedscale needs.
    Raises ProposalError when nothing is blocked, or when an entry would not turn it."""
    hostset = _chosen(context.dialled, target)
    cells = _blocked(context, target, hostset)
    if not cells:
        raise ProposalError("None of these hosts is blocked where it is needed; there is nothing to open.")
    namespace = _home_namespace(context, cells)
    patches, opened, warnings = _best(context, cells, namespace)
    if not opened:
        raise ProposalError(
            "A ServiceEntry would not open these hosts: something else stands in the way. "
            "The explanation of a cell says what."
        )
    hosts = list(dict.fromkeys(cell.host.host for cell in opened))
    verb = "Create" if patches[0].action is PatchAction.CREATE else "Extend"
    return Proposal(
        remedy=REMEDY.name,
        title=REMEDY.title,
        summary=f"{verb} {patches[0].ref} to open {counted(len(hosts), 'blocked host')}: {', '.join(hosts)}.",
        patches=patches,
        opens=tuple((cell.scope_key, cell.host.host) for cell in opened),
        warnings=(*warnings, *_left_blocked(cells, opened)),
    )


def draft(context: RemedyContext, target: Target) -> Proposal:
    """As `propose`, but without asking whether the entry alone turns anything: for use with an import. Its
    `opens` are the cells it is meant for."""
    cells = _blocked(context, target, _chosen(context.dialled, target))
    if not cells:
        raise ProposalError("None of these hosts is blocked; there is nothing to open.")
    namespace = _home_namespace(context, cells)
    patches, warnings = _patches(context, [cell.host for cell in cells], namespace, ())
    summary = f"{patches[0].ref} names {', '.join(dict.fromkeys(cell.host.host for cell in cells))}."
    opens = tuple((cell.scope_key, cell.host.host) for cell in cells)
    return Proposal(REMEDY.name, REMEDY.title, summary, patches, opens, warnings)


def _chosen(hostset: HostSet, target: Target) -> HostSet:
    if not target.hosts:
        return hostset
    unknown = [host for host in target.hosts if hostset.get(host) is None]
    if unknown:
        raise ProposalError(f"{unknown[0]} is not one of the hosts of {hostset.name} {hostset.edition}.")
    return hostset.only(target.hosts)


def _blocked(context: RemedyContext, target: Target, hostset: HostSet) -> list[_Cell]:
    """The blocked cells of the scopes that were named, else of those who need the hosts."""
    asked: list[tuple[str, str, Workload, tuple[RequiredHost, ...]]]
    if target.scopes or target.cells:
        asked = [
            (scope.key, scope.namespace, scope.representative, hosts)
            for scope in context.engine.scopes()
            if (hosts := tuple(host for host in hostset.hosts if target.asks(scope.key, host.host)))
        ]
    else:
        needs = host_needs(context.snapshot, context.engine)
        asked = [(n.scope_key, n.namespace, n.workload, _dialled(context, n, hostset)) for n in needs]
        if target.namespaces:
            asked = [item for item in asked if item[1] in target.namespaces]
    if not asked:
        raise ProposalError("Nothing here needs these hosts: nothing of Speedscale stands behind a proxy.")
    return [
        _Cell(key, namespace, workload, host)
        for key, namespace, workload, hosts in asked
        for host in hosts
        if host.protocol is not Protocol.TCP
        and context.engine.answer(workload, host.destination).verdict.blocked
    ]


def _dialled(context: RemedyContext, need: Need, hostset: HostSet) -> tuple[RequiredHost, ...]:
    """Of the chosen hosts those that the need's installation dials by its settings."""
    dialled = hosts_of(context.snapshot, need.install, context.hostset).hosts
    return tuple(host for host in hostset.hosts if host in dialled)


def _home_namespace(context: RemedyContext, cells: Sequence[_Cell]) -> str:
    """Speedscale's namespace; without an installation the one namespace that was asked for."""
    found = context.snapshot.derived(installs)
    if found:
        return found[0].namespace
    namespaces = {cell.namespace for cell in cells}
    if len(namespaces) > 1:
        raise ProposalError("Speedscale is not installed here; name the one namespace to open the hosts for.")
    return namespaces.pop()


def _best(
    context: RemedyContext, cells: Sequence[_Cell], namespace: str
) -> tuple[tuple[ManifestPatch, ...], list[_Cell], tuple[str, ...]]:
    """The first way of writing it that turns a cell, reduced to the hosts that turn."""
    own = not context.snapshot.derived(installs)
    readers = [".", *sorted({cell.namespace for cell in cells} - {namespace})]
    for export_to in ((".",),) if own else ((), tuple(readers)):
        patches, warnings = _patches(context, [cell.host for cell in cells], namespace, export_to)
        opened = _opened(context, cells, patches)
        if opened:
            turned = [cell.host for cell in opened]
            patches, warnings = _patches(context, turned, namespace, export_to)
            return patches, _opened(context, cells, patches), warnings
    return (), [], ()


def _patches(
    context: RemedyContext, hosts: Sequence[RequiredHost], namespace: str, export_to: tuple[str, ...]
) -> tuple[tuple[ManifestPatch, ...], tuple[str, ...]]:
    """One patch for each port and protocol (one, for Speedscale's hosts), and warnings about owners."""
    groups: dict[tuple[int, str], list[RequiredHost]] = {}
    for host in dict.fromkeys(hosts):
        groups.setdefault((host.port, host.protocol), []).append(host)
    home, warnings = _extendable(context, namespace)
    patches = []
    for wanted in groups.values():
        if home is not None and any(port.number == wanted[0].port for port in home.ports) and not export_to:
            before = context.snapshot.manifest(home.ref)
            if before is not None:
                patches.append(updated(before, extended(before, wanted)))
                continue
        patches.append(created(new_entry(context.snapshot, namespace, wanted, export_to)))
    return tuple(patches), warnings


def _extendable(context: RemedyContext, namespace: str) -> tuple[ServiceEntry | None, tuple[str, ...]]:
    home = home_entry(context.snapshot, context.hostset, namespace)
    manifest = context.snapshot.manifest(home.ref) if home is not None else None
    if home is None or manifest is None:
        return None, ()
    keeper = keeper_of(manifest)
    if keeper is not None and keeper.reverts:
        return None, (f"{keeper.warning(home.ref)} A separate entry is proposed instead.",)
    if owners := managers_of(manifest, "hosts"):
        whose = f"spec.hosts of {home.ref} is owned by {', '.join(owners)}."
        return None, (f"{whose} A separate entry is proposed, so that nothing of theirs is taken over.",)
    return home, ((keeper.warning(home.ref),) if keeper is not None else ())


def _opened(context: RemedyContext, cells: Sequence[_Cell], patches: Sequence[ManifestPatch]) -> list[_Cell]:
    engine = apply(context.snapshot, patches).derived(EgressEngine)
    return [c for c in cells if engine.answer(c.workload, c.host.destination).verdict.reachable]


def _left_blocked(cells: Sequence[_Cell], opened: Sequence[_Cell]) -> tuple[str, ...]:
    left = [cell for cell in cells if cell not in opened]
    namespaces = sorted({cell.namespace for cell in left})
    if not namespaces:
        return ()
    return (
        f"In {', '.join(namespaces)} hosts stay blocked for another reason, "
        "for example a Sidecar that does not import the entry's namespace.",
    )


REMEDY = Remedy(
    name="open-required-hosts",
    title="Open the hosts that Speedscale needs",
    doc=__doc__ or "",
    propose=propose,
)
