"""What to open before the switch to REGISTRY_ONLY: the remedies, asked about the mesh as it would be.

Opened is what the switch would block and somebody is known to call: the hosts that Speedscale needs, those of
other host sets where they are declared as needed, those that an object of the workload's own namespace names,
or an entry that is exported to it by name, and those that are asked for. What would be blocked beside them is
counted and left. What is offered is written on today's objects, and the switch is laid over the result once
more: only what passes then is said to be opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from apps.mesh.breakage import Breakage, Outcome, ScopeBreakage
from apps.mesh.breakage import Cell as Asked
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import HostSet, RequiredHost, Tier
from apps.mesh.meshconfig import control_planes
from apps.mesh.needs import host_needs
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.objects.workloads import Workload
from apps.mesh.outboundswitch import switch
from apps.mesh.patches import ManifestPatch, PatchAction, apply, updated
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies import cells, open_hosts
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import REMEDIES, propose
from apps.mesh.remedies.pruning import pruned
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import FORWARDER_PORT, forwarder_host, installs
from apps.mesh.tenancy import hosts_of
from apps.mesh.verdicts import Destination, Protocol

FOR_HOSTS = ("export-service-entry", "open-required-hosts")
WHOLE = ("correct-service-entry", "import-speedscale-namespace")
"""Remedies that take no hosts: what they open is what Speedscale needs."""
MOST_CELLS, MOST_SCOPES = 200, 200
NOTHING = "No host that somebody is known to call would be blocked."
MANY = f"More than {MOST_CELLS} hosts of scopes would be blocked: ask about one namespace after the other."
WIDE = (
    "{hit} egress scopes would lose a host, and changes are worked out for at most {most} at once: "
    "show one namespace, or switch one."
)
Broken = tuple[ScopeBreakage, Asked]


@dataclass(frozen=True, slots=True)
class OpenFirst:
    """`patches` turn on today's objects; with none of them `reason` says why. `opens` is what would be
    blocked and passes with them; `left`, with the reason, what would still be of that which somebody calls;
    `others` how much more of which nobody is known to call it. `warnings` are for who approves."""

    patches: tuple[ManifestPatch, ...] = ()
    summary: str = ""
    warnings: tuple[str, ...] = ()
    reason: str = ""
    opens: tuple[Broken, ...] = ()
    left: tuple[tuple[ScopeBreakage, Asked, str], ...] = ()
    others: int = 0


def open_first(
    found: Breakage, hostset: HostSet, asked: Collection[Destination] = (), *, most: int = MOST_SCOPES
) -> OpenFirst:
    """The smallest changes that keep reachable what the switch would block; `asked` are hosts that every
    scope is known to call. Each change is simulated: for more than `most` scopes nothing is offered."""
    broken = [(row, cell) for row in found.scopes for cell in row.cells if cell.outcome is Outcome.BREAKS]
    hit = len({row.scope.key for row, _ in broken})
    if hit > most:
        return OpenFirst(reason=WIDE.format(hit=hit, most=most), others=len(broken))
    work = _Work(found, hostset)
    work.open_speedscale(broken)
    wanted = [
        pair
        for pair in broken
        if _called(found.before, hostset, *pair) or pair[1].host.destination.plain in asked
    ]
    work.open_called(wanted)
    work.prune(wanted)
    patches, lost = tuple(work.rebased()), ""
    after = _switched(found, patches)
    if patches and (lost := _lost(found, patches, after)):
        patches = ()
    opens = tuple(pair for pair in broken if patches and _passes(after, *pair))
    opened = {id(cell) for _, cell in opens}
    left = tuple(
        (row, cell, lost or work.why.get(id(cell), cells.ELSEWHERE))
        for row, cell in wanted
        if id(cell) not in opened
    )
    if not patches:
        reasons = dict.fromkeys((*([lost] if lost else work.reasons), *(why for *_, why in left)))
        return OpenFirst(reason=" ".join(reasons) or NOTHING, left=left, others=len(broken) - len(left))
    return OpenFirst(
        patches=patches,
        summary=open_hosts.summary(
            patches,
            [str(cell.host.destination) for _, cell in opens],
            {row.scope.namespace for row, _ in opens},
        ),
        warnings=tuple(dict.fromkeys(work.warnings(patches))),
        opens=opens,
        left=left,
        others=len(broken) - len(opens) - len(left),
    )


class _Work:
    """Patches on the switched snapshot, one for each object, and what was said of them."""

    def __init__(self, found: Breakage, hostset: HostSet) -> None:
        self.reasons: list[str] = []
        self.why: dict[int, str] = {}
        self._found, self._hostset = found, hostset
        self._snapshot = found.after
        self._patches: dict[ResourceRef, ManifestPatch] = {}
        self._speedscale: dict[ResourceRef, None] = {}
        self._warnings: list[tuple[frozenset[ResourceRef], Sequence[str]]] = []
        created = (patch.ref for patch in found.switch.patches if patch.action is PatchAction.CREATE)
        self._created = frozenset(created)

    def open_speedscale(self, broken: Sequence[Broken]) -> None:
        """What Speedscale needs, by its own remedies."""
        hosts = {cell.host.destination.host for _, cell in broken}
        hosts = {host for host in hosts if self._hostset.get(host) is not None}
        if not hosts:
            return
        namespaces = tuple(sorted({row.scope.namespace for row in self._found.scopes}))
        wanted = Target(hosts=tuple(sorted(hosts)), namespaces=namespaces)
        for name in (name for name in REMEDIES if name in (*FOR_HOSTS, *WHOLE)):
            target = wanted if name in FOR_HOSTS else Target(namespaces=namespaces)
            try:
                proposal = propose(self._snapshot, self._hostset, name, target)
            except ProposalError as error:
                self.reasons.append(str(error))
                continue
            if clash := self._created & {patch.ref for patch in proposal.patches}:
                self.reasons.append(_by_the_switch(min(clash)))
                self._warnings.append((frozenset(), self.reasons[-1:]))
            elif proposal.opens:
                self._add(proposal.patches, proposal.warnings)
                self._speedscale.update(dict.fromkeys(patch.ref for patch in proposal.patches))

    def open_called(self, wanted: Sequence[Broken]) -> None:
        """What else somebody is known to call."""
        engine, asked = self._snapshot.derived(EgressEngine), dict[cells.Cell, Asked]()
        for row, cell in wanted:
            if not _passes(engine, row, cell):
                key, destination = row.scope.key, cell.host.destination
                host = RequiredHost(
                    destination.host, Tier.REQUIRED, "", "", destination.port, destination.protocol
                )
                asked[cells.Cell(key, row.scope.representative, host)] = cell
        taken = list(asked)[:MOST_CELLS]
        found = cells.opening(self._snapshot, taken)
        why = {**found.left, **dict.fromkeys(list(asked)[MOST_CELLS:], MANY)}
        if clash := self._created & {patch.ref for patch in found.patches}:
            by_switch = [one for one in taken if engine.scope_of(one.workload).sidecar in clash]
            why.update(dict.fromkeys(by_switch, _by_the_switch(min(clash))))
            found = cells.opening(self._snapshot, (one for one in taken if one not in why))
            why.update(found.left)
        self.why = {id(asked[one]): reason for one, reason in why.items()}
        if found.opens:
            self._add(found.patches, found.warnings)

    def prune(self, wanted: Sequence[Broken]) -> None:
        """Leaves out of what Speedscale's remedies write what opens only what is blocked today as well."""
        watched = [(row.scope.representative, cell.host.destination) for row, cell in wanted]
        before, after = self._found.before.derived(EgressEngine), self._found.after.derived(EgressEngine)
        watched += [
            (workload, destination)
            for workload, destination in self._of_speedscale()
            if not before.answer(workload, destination).verdict.blocked
            and after.answer(workload, destination).verdict.blocked
        ]

        engine = self._snapshot.derived(EgressEngine)
        gained = [pair for pair in watched if engine.answer(*pair).verdict.reachable]
        roots = {plane.config.root_namespace for plane in control_planes(self._snapshot)}

        def enough(less: Snapshot, ref: ResourceRef) -> bool:
            engine, narrow = less.derived(EgressEngine), ref.kind == "Sidecar" and ref.namespace not in roots
            return all(
                engine.answer(workload, destination).verdict.reachable
                for workload, destination in gained
                if not narrow or workload.namespace == ref.namespace
            )

        mine = [self._patches.pop(ref) for ref in self._speedscale]
        self._patches |= pruned(self._snapshot, mine, enough)

    def _of_speedscale(self) -> Iterator[tuple[Workload, Destination]]:
        """What calls of Speedscale's there are: to its hosts, and to its forwarders."""
        snapshot = self._found.after
        for need in host_needs(snapshot, snapshot.derived(EgressEngine)):
            for host in hosts_of(snapshot, need.install, self._hostset).hosts:
                yield need.workload, host.destination
        for install in snapshot.derived(installs):
            forwarder = Destination(forwarder_host(install), FORWARDER_PORT, Protocol.HTTP)
            yield from ((row.scope.representative, forwarder) for row in self._found.scopes)

    def warnings(self, patches: Sequence[ManifestPatch]) -> Iterator[str]:
        """What was said of those of the patches that are left, and of what could not be written."""
        kept = {patch.ref for patch in patches}
        for refs, warnings in self._warnings:
            if not refs or refs & kept:
                yield from warnings

    def rebased(self) -> Iterator[ManifestPatch]:
        """The patches on the objects as they are now: of a Sidecar that the switch writes, the imports."""
        for ref, patch in self._patches.items():
            now = self._found.before.manifest(ref)
            if now is None or patch.after is None or now == patch.before:
                yield patch
            else:
                spec = {**now["spec"], "egress": patch.after["spec"]["egress"]}
                yield updated(now, {**now, "spec": spec})

    def _add(self, patches: Sequence[ManifestPatch], warnings: Sequence[str]) -> None:
        self._snapshot = apply(self._snapshot, patches)
        self._warnings.append((frozenset(patch.ref for patch in patches), warnings))
        for patch in patches:
            first = self._patches.get(patch.ref)
            self._patches[patch.ref] = (
                patch if first is None else replace(patch, action=first.action, before=first.before)
            )


def _by_the_switch(ref: ResourceRef) -> str:
    return f"{ref} is created by the switch itself, and would have to import it: write it in there, by hand."


def _called(snapshot: Snapshot, hostset: HostSet, row: ScopeBreakage, cell: Asked) -> bool:
    """Whether somebody is known to call the host from this namespace."""
    namespace, destination = row.scope.namespace, cell.host.destination.plain
    for ref in cell.host.named_by:
        named = snapshot.get(ref)
        if ref.namespace == namespace or (isinstance(named, ServiceEntry) and namespace in named.export_to):
            return True
    return any(
        host.destination.plain == destination and host.tier is not Tier.INFORMATIONAL
        for needed in hostset.beside
        if any(fnmatchcase(namespace, pattern) for pattern in needed.namespaces)
        for host in needed.hostset.hosts
    )


def _lost(found: Breakage, patches: Sequence[ManifestPatch], then: EgressEngine) -> str:
    """What somebody would lose by the patches, today or under the switch, as a sentence; "" for nothing."""
    today = apply(found.before, patches).derived(EgressEngine)
    for row in found.scopes:
        for cell in row.cells:
            for engine, answer in ((today, cell.before), (then, cell.after)):
                if answer.verdict.reachable and not _passes(engine, row, cell):
                    return f"Opened like this, {row.scope.label} would lose {cell.host.destination}."
    return ""


def _switched(found: Breakage, patches: Sequence[ManifestPatch]) -> EgressEngine:
    """The mesh with the patches, and with the switch laid over them."""
    opened = apply(found.before, patches)
    return apply(opened, switch(opened, found.choice).patches).derived(EgressEngine)


def _passes(engine: EgressEngine, row: ScopeBreakage, cell: Asked) -> bool:
    return engine.answer(row.scope.representative, cell.host.destination).verdict.reachable
