"""The shape of remedies that let an object show what it hides: wishes, the work on one object, a patch each.

A wish is what somebody cannot reach because of the object. A remedy says how the object is written for its
wishes, and which of them a simulation shows to turn. Knows no remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from apps.mesh.blockages import Cause, Hindrance, hindrance
from apps.mesh.needs import entries_for
from apps.mesh.objects.networking import ServiceEntry, Sidecar
from apps.mesh.objects.workloads import Workload
from apps.mesh.patches import ManifestPatch
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.verdicts import Destination

Thing = TypeVar("Thing", ServiceEntry, Sidecar)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a workload cannot reach; `owner` is the namespace that has what would open it."""

    scope_key: str
    workload: Workload
    destination: Destination
    owner: str

    @property
    def namespace(self) -> str:
        return self.workload.namespace


@dataclass(frozen=True, slots=True)
class Work(Generic[Thing]):
    """An object with everything that is missed because of it."""

    item: Thing
    wishes: tuple[Wish, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """How an object is written, which of its wishes turn with that, and sentences for who approves."""

    patch: ManifestPatch
    gained: tuple[Wish, ...]
    warnings: tuple[str, ...]


def works(missed: Iterable[tuple[Thing, Wish]]) -> list[Work[Thing]]:
    """Wishes by the object that stands in their way; each once, objects in their order."""
    items: dict[ResourceRef, Thing] = {}
    wishes: dict[ResourceRef, dict[Hashable, Wish]] = {}
    for item, wish in missed:
        items[item.ref] = item
        key = (wish.scope_key, wish.workload.ref, wish.destination, wish.owner)
        wishes.setdefault(item.ref, {}).setdefault(key, wish)
    return [Work(items[ref], tuple(wishes[ref].values())) for ref in sorted(items)]


def hindered(
    context: RemedyContext, target: Target, cause: Cause
) -> Iterator[tuple[Hindrance, str, Workload, Destination]]:
    """The blocked cells that were asked for, whoever is in them, which this is the cause of."""
    entries = context.snapshot.each(ServiceEntry)
    for scope in context.engine.scopes():
        for host in context.dialled.hosts:
            workload = scope.representative
            if not target.asks(scope.key, host.host):
                continue
            if not context.engine.answer(workload, host.destination).verdict.blocked:
                continue
            why = hindrance(context.snapshot, context.engine, workload, host, entries_for(entries, host))
            if why.cause is cause and why.entry is not None:
                yield why, scope.key, workload, host.destination


def proposal(
    remedy: Remedy,
    work: Sequence[Work[Thing]],
    write: Callable[[Work[Thing]], Written],
    summary: Callable[[Sequence[ManifestPatch], Sequence[Wish]], str],
) -> Proposal:
    """One patch for each object. Raises ProposalError, with the first reason, when there is none; `write`
    raises it for an object that is left as it is."""
    written: list[Written] = []
    left: list[str] = []
    for item in work:
        try:
            written.append(write(item))
        except ProposalError as error:
            left.append(str(error))
    if not written:
        raise ProposalError(left[0])
    turned = [wish for item in written for wish in item.gained]
    patches = [item.patch for item in written]
    warnings = [*left, *(warning for item in written for warning in item.warnings)]
    return Proposal(
        remedy=remedy.name,
        title=remedy.title,
        summary=summary(patches, turned),
        patches=tuple(patches),
        opens=tuple(dict.fromkeys((wish.scope_key, wish.destination.host) for wish in turned)),
        warnings=tuple(dict.fromkeys(warnings)),
    )
