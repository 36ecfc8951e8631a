"""What would change: a snapshot before against a snapshot after, told in scopes, hosts and findings.

Prediction and verification are this one pure function: before an approval it compares the cluster
with the simulated change, after the change it compares the cluster with itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.mesh.analyse import Analysis, ScopeVerdicts, analyse
from apps.mesh.differences import (
    CellChange,
    Difference,
    FindingChange,
    LostEgress,
    Prediction,
    Verification,
)
from apps.mesh.egress import EgressEngine
from apps.mesh.findings import Finding
from apps.mesh.hosts import subset_of
from apps.mesh.hostsets import HostSet, RequiredHost
from apps.mesh.namedhosts import sent
from apps.mesh.objects.workloads import WORKLOAD_KINDS, Workload
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol

MAX_EXAMPLES = 5
FOLLOWING_PODS = frozenset(rule.code for rule in RULES if rule.follows_pods)

Service = tuple[str, int, str]
"""Host, port and declared protocol."""
Findings = Mapping[str, Finding]
"""By fingerprint."""


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot with what was found out about it: one side of a comparison."""

    analysis: Analysis
    engine: EgressEngine

    @classmethod
    def of(cls, snapshot: Snapshot, hostset: HostSet) -> View:
        engine = snapshot.derived(EgressEngine)
        return cls(analyse(snapshot, hostset), engine)


@dataclass(frozen=True, slots=True)
class _Group:
    """Workloads that share their scope before and their scope after."""

    before: ScopeVerdicts
    after: ScopeVerdicts
    workloads: int


def predict(snapshot: Snapshot, patches: Iterable[ManifestPatch], hostset: HostSet) -> Prediction:
    """What the patches would do to the cluster of this snapshot."""
    difference = compare_snapshots(snapshot, apply(snapshot, patches), hostset)
    return Prediction(hostset.name, hostset.edition, difference)


def compare_snapshots(before: Snapshot, after: Snapshot, hostset: HostSet) -> Difference:
    """`compare` for two snapshots under one host set."""
    return compare(View.of(before, hostset), View.of(after, hostset))


def compare(before: View, after: View) -> Difference:
    """What differs for the workloads and hosts that are on both sides. Both must be of one host set; what
    an installation dials by its settings may differ."""
    groups = _groups(before.analysis, after.analysis)
    hosts = after.analysis.hostset.hosts
    pairs = _pairs(before.analysis.hostset.hosts, hosts)
    cells = [cell for group in groups for cell in _cells(group, pairs)]
    differing = [cell for cell in cells if cell.before is not cell.after]
    opened = tuple(cell for cell in differing if cell.before.blocked and cell.after.reachable)
    closed = tuple(cell for cell in differing if cell.before.reachable and cell.after.blocked)
    turned = {*opened, *closed}
    known = {finding.fingerprint: finding for finding in before.analysis.findings}
    seen = {finding.fingerprint: finding for finding in after.analysis.findings}
    return Difference(
        opened=opened,
        closed=closed,
        changed=tuple(cell for cell in differing if cell not in turned),
        newly_broken=tuple(_lost_egress(groups, hosts, before.engine, after.engine)),
        unchanged=len(cells) - len(differing),
        findings_appear=_finding_changes(seen, known),
        findings_disappear=_finding_changes(known, seen),
    )


def to_json(prediction: Prediction) -> dict[str, Any]:
    """Plain JSON for storing."""
    plain: dict[str, Any] = msgspec.to_builtins(prediction)
    return plain


def from_json(data: Mapping[str, Any]) -> Prediction:
    """Reads what `to_json` wrote. Raises msgspec.ValidationError for anything else."""
    return msgspec.convert(data, Prediction)


def verify(predicted: Prediction, observed: Difference) -> Verification:
    """Whether what happened is what was predicted. Workloads and pods come and go meanwhile: how many
    there are does not count, nor does a finding that comes or goes with them unpredicted: one on a
    workload, or of a check that goes by the pods that run. One that was to appear on a workload may still be
    to come, and one of its pods may have gone before: they take their time to be replaced."""
    wanted, found = _claims(predicted.difference), _claims(observed)
    changes = (*observed.findings_appear, *observed.findings_disappear)
    passing = {change.fingerprint for change in changes if change.code in FOLLOWING_PODS}
    fleeting = _fleeting(predicted.difference)
    missing = (
        f"Predicted, but not seen: {text}"
        for key, text in wanted.items()
        if key not in found and key[2] not in fleeting
    )
    surprises = (
        f"Seen, but not predicted: {text}"
        for key, text in found.items()
        if key not in wanted and key[1] not in WORKLOAD_KINDS and key[2] not in passing
    )
    return Verification(tuple(missing), tuple(surprises))


def _fleeting(difference: Difference) -> frozenset[str]:
    """Fingerprints of findings on workloads that come or go while pods are being replaced."""
    changes = [change for change in difference.findings_disappear if change.code in FOLLOWING_PODS]
    changes += difference.findings_appear
    return frozenset(change.fingerprint for change in changes if change.ref.kind in WORKLOAD_KINDS)


def _groups(before: Analysis, after: Analysis) -> list[_Group]:
    """Scopes paired by the workloads they share, ordered by their keys."""
    scopes_before = {ref: verdicts for verdicts in before.scopes for ref in verdicts.scope.workloads}
    scopes_after = {ref: verdicts for verdicts in after.scopes for ref in verdicts.scope.workloads}
    counts: dict[tuple[str, str], int] = {}
    pairs: dict[tuple[str, str], tuple[ScopeVerdicts, ScopeVerdicts]] = {}
    for ref, old in scopes_before.items():
        new = scopes_after.get(ref)
        if new is None:
            continue
        key = (old.scope.key, new.scope.key)
        pairs[key] = (old, new)
        counts[key] = counts.get(key, 0) + 1
    return [_Group(*pairs[key], counts[key]) for key in sorted(pairs)]


def _pairs(
    before: tuple[RequiredHost, ...], after: tuple[RequiredHost, ...]
) -> list[tuple[RequiredHost, int, int]]:
    """The hosts of both sides, with their places on each."""
    places = {entry.destination: place for place, entry in enumerate(after)}
    return [
        (entry, place, places[entry.destination])
        for place, entry in enumerate(before)
        if entry.destination in places
    ]


def _cells(group: _Group, pairs: list[tuple[RequiredHost, int, int]]) -> Iterator[CellChange]:
    scope = group.before.scope
    for entry, old, new in pairs:
        yield CellChange(
            scope_key=scope.key,
            label=scope.label,
            namespace=scope.namespace,
            workloads=group.workloads,
            host=entry.host,
            port=entry.port,
            protocol=entry.protocol,
            before=group.before.answers[old].verdict,
            after=group.after.answers[new].verdict,
        )


def _lost_egress(
    groups: list[_Group], required: tuple[RequiredHost, ...], before: EgressEngine, after: EgressEngine
) -> Iterator[LostEgress]:
    """What clients of a required host send is known: where that passes, a port that is declared otherwise
    than before is not lost."""
    for group in groups:
        old, new = group.before.scope, group.after.scope
        hosts = before.unlike(old, after, new)
        kept = {service[:3] for service in after.reachable(new, hosts)}
        answers = zip(required, group.after.answers, strict=True)
        passing = {(host.host, host.port) for host, answer in answers if answer.verdict.reachable}
        passing &= {service[:2] for service in kept}
        gone = {service[:3] for service in before.reachable(old, hosts)} - kept
        lost = sorted(service for service in gone if service[:2] not in passing)
        if not lost:
            continue
        if hosts is not None:
            kept = {service[:3] for service in after.reachable(new)}
        cut = cut_off(lost, kept, after, new.representative)
        yield LostEgress(
            scope_key=old.key,
            label=old.label,
            namespace=old.namespace,
            workloads=group.workloads,
            lost=len(lost),
            blocked=len(cut),
            examples=examples_of(cut or set(lost), old.namespace),
        )


def cut_off(
    lost: list[Service], kept: set[Service], engine: EgressEngine, workload: Workload
) -> set[Service]:
    """The lost services that the proxy refuses. What is unknown to it is treated alike on a port,
    whatever its name, unless a wildcard that is kept stands for the name."""
    wildcards = tuple({host for host, _, _ in kept if host.startswith("*")})
    refused: dict[tuple[str, int, Protocol], bool] = {}
    found = set()
    for service in lost:
        host, port, declared = service
        special = host if any(subset_of(host, wildcard) for wildcard in wildcards) else ""
        key = (special, port, sent(declared))
        if key not in refused:
            refused[key] = engine.answer(workload, Destination(host, port, key[2])).verdict.blocked
        if refused[key]:
            found.add(service)
    return found


def examples_of(services: Iterable[Service], namespace: str) -> tuple[str, ...]:
    """The workloads' own services first: losing them surprises most."""
    own = f".{namespace}.svc."
    ordered = sorted(services, key=lambda service: (own not in service[0], service[0], service[1]))
    return tuple(f"{host}:{port}" for host, port, _ in ordered[:MAX_EXAMPLES])


def _finding_changes(these: Findings, others: Findings) -> tuple[FindingChange, ...]:
    only = ((key, finding) for key, finding in these.items() if key not in others)
    return tuple(FindingChange(key, f.code, f.severity, f.title, f.ref) for key, f in only)


def _claims(difference: Difference) -> dict[tuple[str, ...], str]:
    """Everything a difference says, as comparable keys with a sentence for each."""
    claims: dict[tuple[str, ...], str] = {}
    for cell in (*difference.opened, *difference.closed, *difference.changed):
        key: tuple[str, ...] = (
            "cell",
            cell.scope_key,
            cell.host,
            str(cell.port),
            cell.protocol,
            cell.before,
            cell.after,
        )
        claims[key] = f"{cell.host}:{cell.port} in {cell.label} turns from {cell.before} to {cell.after}."
    for lost in difference.newly_broken:
        claims[("lost", lost.scope_key, "blocked" if lost.blocked else "passed")] = (
            f"{lost.label} loses {lost.lost} services ({', '.join(lost.examples)})."
        )
    for word, changes in (
        ("appears", difference.findings_appear),
        ("disappears", difference.findings_disappear),
    ):
        for change in changes:
            claims[(word, change.ref.kind, change.fingerprint)] = f"{change.code} on {change.ref} {word}."
    return claims
