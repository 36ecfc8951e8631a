"""What REGISTRY_ONLY would break: egress scopes and hosts under today's policy and under the switched one.

The two answers are the egress engine's, for the snapshot and for the snapshot with the switch laid over it;
nothing is judged here but how they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from apps.mesh.egress import EgressEngine, EgressScope
from apps.mesh.egress.case import Policy
from apps.mesh.egress.registry import Registries
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.namedhosts import NamedHost
from apps.mesh.outboundswitch import Choice, Switch, plane_name, switch
from apps.mesh.patches import apply
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import EgressAnswer, Verdict
from apps.mesh.whatif import cut_off, examples_of

_AROUND = frozenset({Verdict.BYPASSES_MESH, Verdict.NOT_ENFORCED})
_LEFT_TO_THE_POLICY = frozenset({Verdict.ALLOWED_PASSTHROUGH, Verdict.UNKNOWN})


class Outcome(StrEnum):
    """What becomes of a host. The strings are part of the REST API and of the exports; the order is that in
    which they matter."""

    BREAKS = "would-be-blocked"
    UNKNOWN = "unknown"
    BLOCKED = "already-blocked"
    STAYS = "stays-reachable"
    BYPASSES = "bypasses"

    @property
    def rank(self) -> int:
        """0 for what matters most; for sorting."""
        return tuple(Outcome).index(self)


@dataclass(frozen=True, slots=True)
class Cell:
    """One host of one scope: `before` as it is, `after` as it would be."""

    host: NamedHost
    outcome: Outcome
    before: EgressAnswer
    after: EgressAnswer

    @property
    def sentence(self) -> str:
        """Why, in one line."""
        if self.outcome is Outcome.UNKNOWN:
            return (self.after.unknowns or self.before.unknowns or (self.after.sentence,))[0]
        if self.before.stopped is not None and self.outcome is Outcome.BLOCKED:
            return self.before.stopped.text
        return self.after.sentence


@dataclass(frozen=True, slots=True)
class LostServices:
    """Services of the mesh that pass unimported today and would be blocked; `examples` are `host:port`."""

    number: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeBreakage:
    """A scope under the switch. `switched` says whether its policy would be another, `reason` why it would or
    would not; `left_out` is the number of hosts it was not asked for."""

    scope: EgressScope
    switched: bool
    reason: str
    cells: tuple[Cell, ...]
    left_out: int = 0

    def count(self, outcome: Outcome) -> int:
        return sum(cell.outcome is outcome for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Breakage:
    """`after` is the snapshot `before` with the switch laid over it."""

    choice: Choice
    switch: Switch
    before: Snapshot
    after: Snapshot
    scopes: tuple[ScopeBreakage, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(scope.count(outcome) for scope in self.scopes)


Hosts = Callable[[EgressScope], tuple[tuple[NamedHost, ...], int]]
"""The hosts to ask a scope for, and how many more there are."""


def breakage(
    snapshot: Snapshot,
    choice: Choice,
    hosts: Hosts,
    *,
    among: Callable[[str], bool] = lambda namespace: True,
) -> Breakage:
    """What the choice would do to the scopes of the namespaces that `among` takes. Raises SwitchError. It
    costs two answers for each scope and host that the policy decides, else one."""
    laid = switch(snapshot, choice)
    after = apply(snapshot, laid.patches)
    pair = snapshot.derived(EgressEngine), after.derived(EgressEngine)
    scopes = (
        scope
        for scope in pair[0].scopes()
        if among(scope.namespace) and choice.namespace in ("", scope.namespace)
    )
    found = tuple(_of_scope(pair, choice, scope, *hosts(scope)) for scope in scopes)
    return Breakage(choice, laid, snapshot, after, found)


def lost_services(
    found: Breakage, row: ScopeBreakage, *, among: Callable[[str], bool] = lambda namespace: True
) -> LostServices:
    """Of the Services that the scope does not import, in the namespaces that `among` takes, those that only
    the policy refuses. As slow as there are Services; ask for the scopes that are shown."""
    engine, then = found.before.derived(EgressEngine), found.after.derived(EgressEngine)
    workload, plane = row.scope.representative, engine.plane_of(row.scope)
    if not row.switched or plane is None:
        return LostServices()
    kept = {service[:3] for service in then.reachable(then.scope_of(workload))}
    hosts = {host for host, *_ in kept}
    others = sorted(
        (service.host, port.number, port.protocol)
        for service in found.before.derived(Registries).of(plane).services
        if service.kubernetes and service.host not in hosts and among(service.namespace)
        for port in service.ports
    )
    cut = cut_off(others, kept, then, workload)
    cut -= cut_off(others, kept, engine, workload)
    return LostServices(len(cut), examples_of(cut, row.scope.namespace))


def outcome(before: EgressAnswer, after: EgressAnswer) -> Outcome:
    """What two answers to one question make of a host."""
    if before.verdict.blocked or before.stopped is not None:
        return Outcome.BLOCKED
    if after.verdict.blocked:
        return Outcome.BREAKS
    if Verdict.UNKNOWN in (before.verdict, after.verdict):
        return Outcome.UNKNOWN
    return Outcome.BYPASSES if before.verdict in _AROUND else Outcome.STAYS


def _of_scope(
    pair: tuple[EgressEngine, EgressEngine],
    choice: Choice,
    scope: EgressScope,
    hosts: tuple[NamedHost, ...],
    left_out: int,
) -> ScopeBreakage:
    engine, then = pair
    switched_scope = then.scope_of(scope.representative)
    old, new = engine.policy(scope), then.policy(switched_scope)
    switched = old is not None and new is not None and new.registry_only and not old.registry_only
    cells = []
    for host in hosts:
        before = engine.answer(scope.representative, host.destination)
        after = before
        if switched and before.verdict in _LEFT_TO_THE_POLICY:
            after = then.answer(scope.representative, host.destination)
        cells.append(Cell(host, outcome(before, after), before, after))
    reason = _reason(choice, scope, engine.plane_of(scope), old, new)
    return ScopeBreakage(scope, switched, reason, tuple(cells), left_out)


def _reason(
    choice: Choice,
    scope: EgressScope,
    plane: ControlPlane | None,
    old: Policy | None,
    new: Policy | None,
) -> str:
    if old is None or new is None or plane is None:
        return f"Istio's policy does not hold here: {scope.label}."
    where = str(old.ref) if old.ref is not None else "Istio's default"
    if old.registry_only:
        return f"It is REGISTRY_ONLY already: {where}."
    if new.registry_only:
        told = str(new.ref) if new.ref is not None else "The switch"
        return f"{told} would refuse what is not registered."
    if old.outbound is None:
        return plane.config.unread[0] if plane.config.unread else "Its policy is not known."
    if old.ref is not None and old.ref.kind == "Sidecar":
        return f"{old.ref} gives a policy of its own ({old.outbound.mode}), which the mesh's does not reach."
    if choice.plane and choice.plane != plane_name(plane):
        return f"Its proxies follow another control plane, {plane_name(plane)}."
    return f"Its policy stays {old.outbound.mode}."


def ordered(scopes: Iterable[ScopeBreakage]) -> Iterator[tuple[ScopeBreakage, Cell]]:
    """Every cell with its scope, what matters most first."""
    cells = [(scope, cell) for scope in scopes for cell in scope.cells]
    cells.sort(key=lambda item: (item[1].outcome.rank, item[0].scope.namespace, item[0].scope.label))
    yield from cells
