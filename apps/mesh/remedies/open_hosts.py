"""Open hosts of any host set where they are blocked: of a cell of its matrix, of namespaces, or wherever they
are declared as needed.

What is written stays in the namespaces that are meant: a ServiceEntry of the namespace's own that nobody else
sees, and the import of it where a Sidecar lists what it imports (see `cells`). Speedscale's own hosts have
remedies that write one entry for all who need them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from apps.mesh.hostsets import HostSet, Needed, RequiredHost, Tier
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.cells import Cell, opening
from apps.mesh.rules.wording import counted, listed
from apps.mesh.scopes import EgressScope

NAME = "open-hosts"
MOST_CELLS = 200
NOTHING = "None of these hosts is blocked where it is asked for or needed; there is nothing to open."


def propose(context: RemedyContext, target: Target) -> Proposal:
    """What opens the cells that were asked for, else every host of another product where somebody declared
    that it is needed. Raises ProposalError when nothing of it is blocked, or with why it stays so."""
    cells = list(_cells(context, target))
    blocked = [
        cell for cell in cells if context.engine.answer(cell.workload, cell.host.destination).verdict.blocked
    ]
    if not blocked:
        raise ProposalError(NOTHING)
    if len(blocked) > MOST_CELLS:
        raise ProposalError(
            f"{len(blocked)} hosts of scopes are blocked, and at most {MOST_CELLS} are opened at once: "
            "name the namespace or the hosts."
        )
    found = opening(context.snapshot, blocked)
    if not found.opens:
        raise ProposalError(" ".join(dict.fromkeys(found.left.values())))
    return Proposal(
        remedy=NAME,
        title=REMEDY.title,
        summary=summary(
            found.patches, [cell.host.key for cell in found.opens], {cell.namespace for cell in found.opens}
        ),
        patches=found.patches,
        opens=tuple((cell.scope_key, cell.host.key) for cell in found.opens),
        warnings=(*found.warnings, *left_as_it_is(found.left)),
    )


def summary(patches: Sequence[ManifestPatch], hosts: Collection[str], namespaces: Iterable[str]) -> str:
    """What is written, and which hosts that opens for which namespaces, in a sentence."""
    made = [str(patch.ref) for patch in patches if patch.action is PatchAction.CREATE]
    kept = [str(patch.ref) for patch in patches if patch.action is PatchAction.UPDATE]
    verbs = [*([f"create {listed(made)}"] if made else []), *([f"add to {listed(kept)}"] if kept else [])]
    text = " and ".join(verbs)
    opened = f"; opens {listed(dict.fromkeys(hosts))} for {listed(sorted(namespaces))}" if hosts else ""
    return f"{text[:1].upper()}{text[1:]}{opened}."


def left_as_it_is(left: Mapping[Cell, str]) -> Iterator[str]:
    """A sentence for each reason with the hosts that stay blocked for it."""
    reasons: dict[str, list[Cell]] = {}
    for cell, why in left.items():
        reasons.setdefault(why, []).append(cell)
    for why, cells in reasons.items():
        spaces = listed(sorted({cell.namespace for cell in cells}))
        hosts = list(dict.fromkeys(cell.host.key for cell in cells))
        yield f"{counted(len(hosts), 'host')} ({listed(hosts)}) stays blocked for {spaces}. {why}"


def _cells(context: RemedyContext, target: Target) -> Iterator[Cell]:
    """The cells that were asked for by scope or namespace; of a finding's namespace, or without either, those
    that are needed."""
    space = target.ref.name if target.ref is not None and target.ref.kind == "Namespace" else ""
    if target.ref is not None and not space:
        raise ProposalError(f"{target.ref} has no part in whether hosts are reached.")
    asked = bool(target.scopes or target.cells) or bool(target.namespaces and target.hosts)
    sets = _sets(context.hostset, target)
    for scope in context.engine.scopes():
        for needed in sets:
            if asked:
                hosts = [host for host in needed.hostset.hosts if _asks(target, scope, host)]
            elif space in ("", scope.namespace) and target.namespaces in ((), (scope.namespace,)):
                hosts = _needed(needed, scope.namespace)
            else:
                hosts = []
            yield from (Cell(scope.key, scope.representative, host) for host in hosts)


def _sets(hostset: HostSet, target: Target) -> tuple[Needed, ...]:
    """The set that is named, else all. Raises ProposalError for one that is not in use, and for a host that
    none holds."""
    known = (Needed(hostset), *hostset.beside)
    sets = tuple(one for one in known if target.hostset in ("", one.hostset.name))
    if not sets:
        raise ProposalError(f"The host set {target.hostset} is not in use here.")
    for name in target.hosts:
        if not any(one.hostset.get(name) for one in sets):
            names = listed([str(one.hostset) for one in sets])
            raise ProposalError(f"{name} is not one of the hosts of {names}.")
    return sets


def _asks(target: Target, scope: EgressScope, host: RequiredHost) -> bool:
    named = not target.hosts or host.key in target.hosts or host.host in target.hosts
    meant = scope.key in target.scopes or scope.namespace in target.namespaces
    return (meant and named) or (scope.key, host.key) in target.cells


def _needed(needed: Needed, namespace: str) -> list[RequiredHost]:
    """The hosts that pods open, where somebody declared that the namespace needs them."""
    if not any(fnmatchcase(namespace, pattern) for pattern in needed.namespaces):
        return []
    return [host for host in needed.hostset.hosts if host.tier is not Tier.INFORMATIONAL]


REMEDY = Remedy(
    name=NAME,
    title="Open hosts for those who need them",
    doc=__doc__ or "",
    propose=propose,
    by_finding=True,
)
