"""The shape of remedies that end findings: each says how one finding is mended, or why it is left as it is.

A simulation has to show that the findings end, that no other appears, and that nobody reaches more or less
than before. Knows no remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from apps.mesh.analyse import analyse
from apps.mesh.findings import Finding
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.simulated import gain, harm, new_finding
from apps.mesh.rules.wording import listed


class DoubtError(Exception):
    """Why something is left as it is: half a sentence, which fits behind a colon."""


@dataclass(frozen=True, slots=True)
class Mend:
    """What ends findings on one object; `warnings` are sentences an approver must read."""

    findings: tuple[Finding, ...]
    patches: tuple[ManifestPatch, ...]
    warnings: tuple[str, ...] = ()


Write = Callable[[RemedyContext, Finding], Mend]
"""Raises DoubtError."""


def ending(name: str, title: str, doc: str, write: Write) -> Remedy:
    """A remedy for the findings that name it, asked for by its finding."""

    def propose(context: RemedyContext, target: Target) -> Proposal:
        return _propose(context, target, name, title, write)

    return Remedy(name=name, title=title, doc=doc, propose=propose, by_finding=True)


def _propose(context: RemedyContext, target: Target, name: str, title: str, write: Write) -> Proposal:
    if target.hosts or target.scopes:
        raise ProposalError(f"{title}: that has no part in whether these hosts are reached.")
    mends, doubts = _mends(context, target, name, write)
    if problem(context, mends):
        alone = [(mend, problem(context, [mend])) for mend in mends]
        doubts += [_left(mend.findings[0], why) for mend, why in alone if why]
        mends = [mend for mend, why in alone if not why]
        if mends and (why := problem(context, mends)):
            raise ProposalError(f"{title}: each alone, because together {why}.")
    if not mends:
        raise ProposalError(doubts[0] if doubts else f"{title}: there is nothing that lacks it.")
    patches = tuple(patch for mend in mends for patch in mend.patches)
    codes = sorted({finding.code for mend in mends for finding in mend.findings})
    ended = [finding for mend in mends for finding in mend.findings]
    return Proposal(
        remedy=name,
        title=title,
        summary=f"{title}: {listed(str(patch.ref) for patch in patches)}; ends {listed(codes)}.",
        patches=patches,
        opens=(),
        warnings=tuple(dict.fromkeys([*_warnings(mends), *doubts])),
        ends=tuple(finding.fingerprint for finding in ended),
    )


def _mends(context: RemedyContext, target: Target, name: str, write: Write) -> tuple[list[Mend], list[str]]:
    """What can be written, and sentences on what cannot."""
    mends: list[Mend] = []
    doubts: list[str] = []
    spoiled = {problem.ref: problem.path for problem in context.snapshot.problems}
    for finding in analyse(context.snapshot, context.hostset).findings:
        if finding.remedy != name or not _meant(finding, target):
            continue
        try:
            if finding.ref in spoiled:
                raise DoubtError(f"{spoiled[finding.ref]} is not what its kind asks for; mend that first")
            mend = write(context, finding)
            same = next((one for one in mends if _refs(one) & _refs(mend)), None)
            if same is None:
                mends.append(mend)
            else:
                mends[mends.index(same)] = _upon(context, same, finding, write)
        except DoubtError as doubt:
            doubts.append(_left(finding, str(doubt)))
    return mends, doubts


def _refs(mend: Mend) -> set[ResourceRef]:
    return {patch.ref for patch in mend.patches}


def _upon(context: RemedyContext, first: Mend, finding: Finding, write: Write) -> Mend:
    """Two mends of one object as one: the second is written upon what the first leaves. Raises DoubtError."""
    patched = RemedyContext.of(apply(context.snapshot, first.patches), context.hostset)
    second = write(patched, finding)
    last = {patch.ref: patch for patch in second.patches}
    both = [replace(patch, after=last.pop(patch.ref, patch).after) for patch in first.patches]
    return Mend(
        (*first.findings, *second.findings), (*both, *last.values()), (*first.warnings, *second.warnings)
    )


def _meant(finding: Finding, target: Target) -> bool:
    if target.ref is not None:
        return finding.ref == target.ref
    return not target.namespaces or finding.ref.namespace in target.namespaces


def problem(context: RemedyContext, mends: Sequence[Mend]) -> str:
    """What a simulation of all of them together has against it, as half a sentence; "" when nothing."""
    patches = [patch for mend in mends for patch in mend.patches]
    if not patches:
        return ""
    after = apply(context.snapshot, patches)
    left = {found.fingerprint for found in analyse(after, context.hostset).findings}
    meant = (finding for mend in mends for finding in mend.findings)
    still = next((finding for finding in meant if finding.fingerprint in left), None)
    if still is not None:
        return f"a simulation still shows {still.code} on {still.ref}"
    against = new_finding(context, after) or harm(context, after) or gain(context, after)
    return against.rstrip(".")


def _left(finding: Finding, why: str) -> str:
    return f"{finding.ref} is left as it is: {why}."


def _warnings(mends: Sequence[Mend]) -> Iterator[str]:
    for mend in mends:
        yield from mend.warnings
        for patch in mend.patches:
            if patch.before is None or patch.after is None:
                continue
            if (keeper := keeper_of(patch.before)) is not None:
                yield keeper.warning(patch.ref)
            old, new = (side.get("spec") or {} for side in (patch.before, patch.after))
            for field in sorted(key for key in new if old.get(key) != new[key]):
                if owners := managers_of(patch.before, field):
                    whose = f"spec.{field} of {patch.ref} is owned by {', '.join(owners)}"
                    yield f"{whose}; applying takes it over."
