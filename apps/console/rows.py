"""Clusters as rows: prepared figures turned into bars, badges and words. Asks nobody anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.clusters.models import Cluster, Environment, HealthState
from apps.common import badges
from apps.common.badges import Badge
from apps.console import blocked, figures, frame

COVERAGE_PARTS = (
    ("ok", "captured"),
    ("warn", "capture_partial"),
    ("bad", "capture_missing"),
    ("off", "capture_unknown"),
)
SILENT = (HealthState.UNREACHABLE, HealthState.AUTH_FAILED)


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster in a table. `behind` says that its figures are older than they should be."""

    cluster: Cluster
    health: Badge
    istio: str
    policy: str
    workloads: int | None
    in_mesh: str
    coverage: figures.Bar | None
    hosts: Badge
    findings: int | None
    read_at: datetime | None
    behind: bool


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """An environment's coverage; `environment` is "" for the whole fleet."""

    environment: str
    captured: int
    expected: int
    coverage: figures.Bar


def figures_of(cluster: Cluster) -> Mapping[str, Any]:
    """The prepared figures of a cluster, empty before its first analysis."""
    summary = getattr(cluster, "summary", None)
    return summary.figures if summary else {}


def cluster_row(cluster: Cluster, now: datetime) -> ClusterRow:
    """One cluster with everything a table says of it."""
    known = figures_of(cluster)
    planes = cluster.summary.control_planes if known else []
    return ClusterRow(
        cluster=cluster,
        health=health(cluster),
        istio=versions(planes) if known else "unknown",
        policy=policies(planes) if known else "unknown",
        workloads=known.get("workloads"),
        in_mesh=figures.percent(known.get("in_mesh_ok", 0), known.get("in_mesh_expected", 0))
        if known
        else "unknown",
        coverage=coverage([known]) if known else None,
        hosts=hosts(known),
        findings=sum(known.get("findings", {}).values()) if known else None,
        read_at=frame.read_at(cluster),
        behind=frame.is_behind(cluster, now),
    )


def health(cluster: Cluster) -> Badge:
    """The state of the connection; a paused cluster is paused whatever was seen last."""
    return badges.of(badges.HEALTH, "paused" if cluster.paused else cluster.health)


def silent(cluster: Cluster) -> bool:
    """Whether a cluster that should answer does not."""
    return not cluster.paused and cluster.health in SILENT


def coverage(all_figures: Iterable[Mapping[str, Any]]) -> figures.Bar:
    """Expected captures of one or more clusters as one bar."""
    total = totals(all_figures)
    expected = total["capture_expected"]
    share = figures.percent(total["captured"], expected)
    words = f"{total['captured']} of {expected} expected captures are complete"
    return figures.bar([(tone, total[key]) for tone, key in COVERAGE_PARTS], figure=share, words=words)


def totals(all_figures: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Sums over clusters of every figure that is a whole number."""
    sums: Counter[str] = Counter()
    for known in all_figures:
        sums.update({key: value for key, value in known.items() if isinstance(value, int)})
    return sums


def hosts(known: Mapping[str, Any]) -> Badge:
    """What is most urgent about the required hosts of a cluster."""
    if not known:
        return badges.of(badges.VERDICTS, "unknown")
    if known.get("blocked_hosts"):
        return Badge(blocked.short(known), "v-reset", "bad")
    if known.get("policy_hosts"):
        return Badge(f"{known['policy_hosts']} by policy", "v-policy", "warn")
    if not known.get("scopes"):
        return Badge("No scope", "v-off", "off")
    return Badge("All allowed", "v-registry", "ok")


def versions(planes: Sequence[Mapping[str, Any]]) -> str:
    """The Istio versions in a cluster, "none" without a control plane."""
    found = {str(plane.get("version") or "version unknown") for plane in planes}
    return ", ".join(sorted(found)) or "none"


def policies(planes: Sequence[Mapping[str, Any]]) -> str:
    """The outbound policies in force, "none" without a control plane."""
    found = {str(plane.get("outbound_policy") or "unknown") for plane in planes}
    return ", ".join(sorted(found)) or "none"


def environments(clusters: Sequence[Cluster]) -> list[EnvironmentRow]:
    """Coverage of the whole fleet, then of each environment that has a cluster."""
    rows = [_environment("", clusters)]
    for environment in Environment.values:
        members = [cluster for cluster in clusters if cluster.environment == environment]
        if members:
            rows.append(_environment(environment, members))
    return rows


def _environment(name: str, clusters: Sequence[Cluster]) -> EnvironmentRow:
    known = [figures_of(cluster) for cluster in clusters]
    total = totals(known)
    return EnvironmentRow(name, total["captured"], total["capture_expected"], coverage(known))
