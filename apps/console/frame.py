"""The figures around a page: which clusters one may see, how old their data is, what waits.

Reads through selectors only. Must not know how any of it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from apps.accounts.models import User
from apps.analysis import selectors as analysis
from apps.changes import selectors as changes
from apps.clusters import selectors as clusters_of
from apps.clusters.models import Cluster, HealthState
from apps.common import clock
from apps.console import times

# A cluster is behind when it missed three of its refreshes.
MISSED_REFRESHES = 3


@dataclass(frozen=True, slots=True)
class Freshness:
    """What the top bar says about the age of what is on the page."""

    words: str
    icon: str
    tone: str
    url: str = ""


def visible(user: User) -> list[Cluster]:
    """The clusters this person may see, by name, each with its summary."""
    return list(clusters_of.visible(user).select_related("summary"))


def note(cluster: Cluster) -> str:
    """What stands beside a cluster in the switcher."""
    environment = cluster.get_environment_display()
    if cluster.paused:
        return f"{environment}, paused"
    if cluster.health in (HealthState.UNREACHABLE, HealthState.AUTH_FAILED):
        return f"{environment}, no answer"
    return environment


def read_at(cluster: Cluster) -> datetime | None:
    """When the data of a cluster was last complete; None before the first time."""
    summary = getattr(cluster, "summary", None)
    return summary.analysed_at if summary else None


def is_behind(cluster: Cluster, now: datetime) -> bool:
    """Whether the data is older than the schedule allows."""
    then = read_at(cluster)
    return then is None or now - then > timedelta(
        seconds=MISSED_REFRESHES * settings.MESHCONSOLE_REFRESH_SECONDS
    )


def freshness(clusters: Sequence[Cluster]) -> Freshness:
    """The oldest data among the clusters decides; one that gives no answer is named."""
    now = clock.now()
    watched = [cluster for cluster in clusters if not cluster.paused]
    if not watched:
        return (
            Freshness("No cluster is read", "warn", "warn")
            if clusters
            else Freshness("No cluster yet", "wait", "off")
        )
    silent = [c for c in watched if c.health in (HealthState.UNREACHABLE, HealthState.AUTH_FAILED)]
    if silent:
        cluster = silent[0]
        since = f" for {times.span(now - cluster.failing_since)}" if cluster.failing_since else ""
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        return Freshness(f"No answer from {cluster.name}{more}{since}", "down-link", "warn", _url(cluster))
    oldest = min(watched, key=lambda cluster: read_at(cluster) or datetime.min.replace(tzinfo=now.tzinfo))
    then = read_at(oldest)
    if then is None:
        return Freshness(f"{oldest.name} is being read", "wait", "off", _url(oldest))
    if is_behind(oldest, now):
        return Freshness(f"{oldest.name} is {times.span(now - then)} old", "clock", "warn", _url(oldest))
    return Freshness(f"Live, {times.span(now - then)} ago", "ok", "ok")


def counts(user: User, clusters: Sequence[Cluster]) -> dict[str, int]:
    """The counts of the sidebar by area; what waits for this person under `changes`."""
    return {
        "clusters": len(clusters),
        "findings": analysis.open_findings(user).count(),
        "changes": changes.waiting_count(user),
    }


def _url(cluster: Cluster) -> str:
    return reverse("console:cluster", args=[cluster.name])
