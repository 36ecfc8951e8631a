"""From an analysis of the mesh core to plain values for rows: texts cut to their columns, JSON, counts.

No database and no rule: what is counted here was decided there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from apps.mesh.analyse import Analysis, ScopeVerdicts
from apps.mesh.findings import Finding
from apps.mesh.hostsets import HostSet, Tier
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.reports import CaptureState, InjectionReport, Tone, WorkloadReport
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Verdict

MAX_AFFECTED = 500
MAX_KEY = 150
ALLOWED_BY_POLICY = Verdict.ALLOWED_PASSTHROUGH


def finding_fields(finding: Finding) -> dict[str, Any]:
    """The columns of a Finding that follow from what was found, without its times."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "severity_rank": finding.severity.rank,
        "title": finding.title[:200],
        "message": finding.message,
        "kind": finding.ref.kind[:63],
        "api_version": finding.api_version[:100],
        "namespace": finding.ref.namespace[:63],
        "name": finding.ref.name[:253],
        "path": finding.path[:300],
        "references": list(finding.references),
        "remedy": finding.remedy,
        "affected": [str(ref) for ref in finding.affected[:MAX_AFFECTED]],
        "evidence": plain(finding.evidence),
        "hostset": finding.hostset,
    }


def scope_fields(item: ScopeVerdicts, hostset: HostSet) -> dict[str, Any]:
    """The columns of a ScopeVerdicts row. `blocked` leaves out hosts that no pod opens."""
    pairs = list(zip(hostset.hosts, item.answers, strict=True))
    return {
        "key": scope_key(item.scope.key),
        "hostset": hostset.name,
        "edition": hostset.edition,
        "namespace": item.scope.namespace[:63],
        "label": item.scope.label[:200],
        "sidecar": str(item.scope.sidecar or "")[:400],
        "workloads": [str(ref) for ref in item.scope.workloads],
        "workload_count": len(item.scope.workloads),
        "verdicts": {entry.key: answer.verdict.value for entry, answer in pairs},
        "answers": {entry.key: plain(answer) for entry, answer in pairs},
        "stopped": [entry.key for entry, answer in pairs if answer.stopped is not None],
        "blocked": sum(answer.verdict.blocked for entry, answer in pairs if _counts(entry.tier)),
    }


def scope_key(key: str) -> str:
    """The key as its column holds it: as it is, or its SHA-256 where a namespace has an impossible name."""
    return key if len(key) <= MAX_KEY else hashlib.sha256(key.encode()).hexdigest()


def workload_fields(report: WorkloadReport, snapshot: Snapshot) -> dict[str, Any]:
    """The columns of a WorkloadState row."""
    ref, injection, capture = report.ref, report.injection, report.capture
    workload = snapshot.workload(ref.namespace, ref.name, ref.kind)
    return {
        "kind": ref.kind[:40],
        "namespace": ref.namespace[:63],
        "name": ref.name[:253],
        "scope_key": scope_key(report.scope_key),
        "replicas": min((workload.replicas or 0) if workload else 0, 2**31 - 1),
        "pods": injection.pods_total,
        "istio_expected": _istio_expected(injection)[:60],
        "istio_actual": _with_revision(injection.actual.value, injection.revision_actual)[:60],
        "istio_reason": injection.reason,
        "istio_tone": injection.tone.value,
        "capture_expected": capture.expected.value,
        "capture_actual": capture.actual.value,
        "capture_reason": capture.reason,
        "capture_tone": capture.tone.value,
        "mtls_mode": report.mtls.mode.value,
        "mtls_reason": report.mtls.reason,
        "mtls_ports": {str(port): item.mode.value for port, item in report.mtls.ports.items()},
    }


def figures(analysis: Analysis) -> dict[str, Any]:
    """What the fleet page shows of a cluster, but for its findings; see ClusterSummary."""
    wanted = Counter(report.capture.state for report in analysis.workloads if report.capture.wanted)
    expected = [r for r in analysis.workloads if r.injection.expected or r.injection.ambient_expected]
    hosts = _hosts(analysis)
    counts = analysis.coverage.count
    return {
        "workloads": len(analysis.workloads),
        "in_mesh_expected": len(expected),
        "in_mesh_ok": sum(report.injection.tone is Tone.OK for report in expected),
        "in_mesh_unknown": sum(report.injection.expected is None for report in analysis.workloads),
        "capture_expected": sum(wanted.values()),
        "captured": wanted[CaptureState.COMPLETE],
        "capture_partial": wanted[CaptureState.PARTIAL],
        "capture_missing": wanted[CaptureState.MISSING] + wanted[CaptureState.CONFLICT],
        "capture_unknown": wanted[CaptureState.UNKNOWN],
        "application_workloads": counts.total,
        "application_captured": counts.covered,
        "scopes": len(analysis.scopes),
        "blocked_scopes": sum(
            any(a.verdict.blocked for e, a in _needed(analysis.hostset, item)) for item in analysis.scopes
        ),
        **hosts,
    }


def control_plane(plane: ControlPlane) -> dict[str, Any]:
    """A control plane as plain JSON; `outbound_policy` is "" when it could not be read."""
    config = plane.config
    return {
        "namespace": plane.namespace,
        "revision": plane.revision,
        "version": plane.version,
        "tags": list(plane.tags),
        "outbound_policy": config.outbound.mode if config.outbound else "",
        "policy_ref": str(config.policy_ref or ""),
        "policy_path": config.policy_path,
        "root_namespace": config.root_namespace,
        "deployment": str(plane.deployment or ""),
        "config_map": str(plane.config_map or ""),
        "unread": list(config.unread),
    }


def hostset_json(hostset: HostSet) -> dict[str, Any]:
    """Name, edition, provenance and hosts in column order; the sets in use beside it under `beside`."""
    found: dict[str, Any] = plain(hostset)
    return found


def plain(value: Any) -> Any:
    """The value as JSON would give it back (lists for tuples), so that rows can be compared."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _hosts(analysis: Analysis) -> dict[str, Any]:
    """How many of the hosts that pods open are blocked somewhere, unknown, or open by policy only."""
    verdicts: dict[str, set[Verdict]] = {e.key: set() for e in analysis.hostset.hosts if _counts(e.tier)}
    for item in analysis.scopes:
        for entry, answer in _needed(analysis.hostset, item):
            verdicts[entry.key].add(answer.verdict)
    blocked = [host for host, seen in verdicts.items() if any(verdict.blocked for verdict in seen)]
    open_here = {host: seen for host, seen in verdicts.items() if host not in blocked}
    return {
        "required_hosts": len(verdicts),
        "blocked_hosts": len(blocked),
        "unknown_hosts": sum(Verdict.UNKNOWN in seen for seen in open_here.values()),
        "policy_hosts": sum(ALLOWED_BY_POLICY in seen for seen in open_here.values()),
        **_blocked(analysis),
    }


def _blocked(analysis: Analysis) -> dict[str, Any]:
    """Scopes with every host blocked, how many of those by a Sidecar; for the others how often each host."""
    closed = by_sidecar = 0
    single: Counter[str] = Counter()
    for item in analysis.scopes:
        needed = list(_needed(analysis.hostset, item))
        blocked = [(entry.key, answer) for entry, answer in needed if answer.verdict.blocked]
        if len(blocked) < len(needed) or len(needed) < 2:
            single.update(host for host, _ in blocked)
            continue
        closed += 1
        refs = [answer.fix.ref if answer.fix else None for _, answer in blocked]
        by_sidecar += all(ref is not None and ref.kind == "Sidecar" for ref in refs)
    return {
        "closed_scopes": closed,
        "closed_by_sidecar": by_sidecar,
        "blocked_by_host": dict(sorted(single.items())),
    }


def _needed(hostset: HostSet, item: ScopeVerdicts) -> Iterable[Any]:
    return [(e, a) for e, a in zip(hostset.hosts, item.answers, strict=True) if _counts(e.tier)]


def _counts(tier: Tier) -> bool:
    return tier is not Tier.INFORMATIONAL


def _istio_expected(injection: InjectionReport) -> str:
    if injection.ambient_expected:
        return "ambient"
    if injection.expected is None:
        return "unknown"
    return _with_revision("sidecar", injection.revision_expected) if injection.expected else "none"


def _with_revision(word: str, revision: str) -> str:
    return f"{word}, {revision}" if revision and word not in {"none", "ambient"} else word


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether any column of the new row differs."""
    return any(old.get(key) != value for key, value in new.items())
