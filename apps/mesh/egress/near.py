"""The entry that comes nearest to allowing a host, and the step at which it fails.

Knows Istio's rules of import and visibility only through what the scope has already worked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apps.mesh.egress.candidates import Candidate, Failing
from apps.mesh.egress.case import Case
from apps.mesh.visibility import effective_export, visible_to


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A candidate as one scope sees it. `others` counts further entries that fail in the same way;
    `out_of_sight` is true for an entry that does not list the host and is not imported either."""

    candidate: Candidate
    failing: Failing
    exported: frozenset[str] = frozenset()
    reason: str = ""
    others: int = 0
    out_of_sight: bool = False


def near_miss(case: Case, found: Sequence[Candidate]) -> NearMiss | None:
    """The nearest of the candidates for a scope; None when no entry has anything to do with the host."""
    imports = case.imports.shared
    best: NearMiss | None = None
    unseen: NearMiss | None = None
    unlisted = 0
    for candidate in found:
        if candidate.failing is Failing.NOT_LISTED:
            if not imports.holds(candidate.ref):
                unseen = unseen or NearMiss(candidate, Failing.NOT_LISTED, out_of_sight=True)
                continue
            unlisted += 1
        miss = _miss(case, candidate)
        if best is None or miss.failing < best.failing:
            best = miss
    if best is not None and best.failing is Failing.NOT_LISTED:
        return replace(best, others=unlisted - 1)
    return best or unseen


def _miss(case: Case, candidate: Candidate) -> NearMiss:
    if candidate.failing is not Failing.SHADOWED:
        return NearMiss(candidate, candidate.failing)
    hidden = next((why for entry, why in case.mesh.registry.hidden if entry.ref == candidate.ref), "")
    if hidden:
        return NearMiss(candidate, Failing.NOT_READ, reason=hidden)
    exported = _exported(case, candidate)
    if not visible_to(exported, candidate.ref.namespace, case.namespace):
        return NearMiss(candidate, Failing.NOT_EXPORTED, exported)
    if not case.imports.shared.holds(candidate.ref):
        return NearMiss(candidate, Failing.NOT_IMPORTED, exported)
    return NearMiss(candidate, Failing.SHADOWED, exported)


def _exported(case: Case, candidate: Candidate) -> frozenset[str]:
    for service in case.mesh.registry.by_host.get(candidate.listed, ()):
        if service.ref == candidate.ref:
            return service.exported
    default = case.mesh.plane.config.service_export_to
    return effective_export(candidate.export_to, default, candidate.ref.namespace)
