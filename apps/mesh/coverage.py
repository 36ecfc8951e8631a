"""How much of a cluster Speedscale covers, counted. Knows nothing of rules, nor of how coverage was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureKind, CaptureReport, CaptureState, SpeedscaleInstall

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


@dataclass(frozen=True, slots=True)
class CoverageCount:
    """Workloads by state of capture. `total` counts the applications' workloads; `wanted` those that
    ask for capture; `covered` those whose capture is complete; `percent` is covered of total, in
    whole per cent, None without workloads. `by_kind` counts those that ask for capture and have it
    completely, by the kind that they ask for."""

    total: int
    wanted: int
    covered: int
    partial: int
    missing: int
    conflict: int
    orphan: int
    unknown: int
    by_kind: tuple[tuple[str, int], ...]

    @property
    def percent(self) -> int | None:
        return self.covered * 100 // self.total if self.total else None


@dataclass(frozen=True, slots=True)
class NamespaceCoverage:
    namespace: str
    count: CoverageCount


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole cluster, and each namespace that has workloads of applications, by name."""

    count: CoverageCount
    namespaces: tuple[NamespaceCoverage, ...]


def coverage(
    captures: Mapping[ResourceRef, CaptureReport],
    installs: Iterable[SpeedscaleInstall] = (),
    platform_namespaces: Iterable[str] = (),
) -> Coverage:
    """Counts the workloads of applications: not Kubernetes' own, not the control planes'
    (`platform_namespaces`), not Speedscale's; of these only what asks for capture all the same."""
    own = {install.namespace for install in installs if install.kind != "namespaced"}
    parts = {item.ref for install in installs for item in install.components}
    excluded = SYSTEM_NAMESPACES | own | set(platform_namespaces)
    by_namespace: dict[str, list[CaptureReport]] = {}
    for ref, report in captures.items():
        if report.wanted or (ref.namespace not in excluded and ref not in parts):
            by_namespace.setdefault(ref.namespace, []).append(report)
    everything = [report for group in by_namespace.values() for report in group]
    return Coverage(
        _count(everything),
        tuple(NamespaceCoverage(name, _count(by_namespace[name])) for name in sorted(by_namespace)),
    )


def together(parts: Iterable[Coverage]) -> Coverage:
    """The coverage of all namespaces from that of each, in their order."""
    found = [item for part in parts for item in part.namespaces]
    counts = [item.count for item in found]
    kinds: dict[str, int] = {}
    for kind, number in (pair for count in counts for pair in count.by_kind):
        kinds[kind] = kinds.get(kind, 0) + number
    names = ("total", "wanted", "covered", "partial", "missing", "conflict", "orphan", "unknown")
    sums = {name: sum(getattr(count, name) for count in counts) for name in names}
    by_kind = tuple((kind.value, kinds[kind.value]) for kind in CaptureKind if kind.value in kinds)
    return Coverage(CoverageCount(**sums, by_kind=by_kind), tuple(found))


def _count(reports: list[CaptureReport]) -> CoverageCount:
    states = [report.state for report in reports]
    kinds = [report.expected for report in reports if report.wanted and report.state is CaptureState.COMPLETE]
    return CoverageCount(
        total=len(reports),
        wanted=sum(report.wanted for report in reports),
        covered=states.count(CaptureState.COMPLETE),
        partial=states.count(CaptureState.PARTIAL),
        missing=states.count(CaptureState.MISSING),
        conflict=states.count(CaptureState.CONFLICT),
        orphan=states.count(CaptureState.ORPHAN),
        unknown=states.count(CaptureState.UNKNOWN),
        by_kind=tuple((kind.value, kinds.count(kind)) for kind in CaptureKind if kinds.count(kind)),
    )
