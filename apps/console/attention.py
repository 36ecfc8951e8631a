"""What needs a person now, most urgent first, each with one thing to do. Decides nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from apps.analysis.selectors import Cause
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster, HealthState
from apps.common.badges import Badge
from apps.console import blocked, times
from apps.console.rows import figures_of, silent
from apps.mesh.findings import Severity

EXPIRY_WARNING = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Need:
    """One row: what kind, a sentence, when, and the action. `link` is the word before the sentence."""

    badge: Badge
    text: str
    when: str
    action: str
    url: str
    link: str = ""
    primary: bool = False


def needs(
    *,
    clusters: Sequence[Cluster],
    waiting: Iterable[ChangeSet],
    drifted: Iterable[ChangeSet],
    causes: Iterable[Cause],
    now: datetime,
) -> list[Need]:
    """Decisions of this person first, then what is broken, then what will break.

    Expects clusters with `summary` and `credential` already read.
    """
    rows = [_decision(change, now, first=not at) for at, change in enumerate(waiting)]
    rows += [_no_answer(cluster, now) for cluster in clusters if silent(cluster)]
    rows += [_drifted(change, now) for change in drifted]
    rows += [_blocked(cluster) for cluster in clusters if figures_of(cluster).get("blocked_hosts")]
    rows += [_cause(cause) for cause in causes if cause["severity"] == Severity.ERROR]
    rows += [row for cluster in clusters if (row := _expiring(cluster, now))]
    return rows


def _decision(change: ChangeSet, now: datetime, *, first: bool) -> Need:
    when = f"expires {times.ago(change.expires_at, now)}" if change.expires_at else ""
    url = reverse("console:change", args=[change.pk])
    return Need(
        Badge("Your decision", "change", "run"),
        change.title,
        when,
        "Review",
        url,
        change.number,
        primary=first,
    )


def _drifted(change: ChangeSet, now: datetime) -> Need:
    since = f"seen {times.ago(change.drifted_at, now)}" if change.drifted_at else ""
    url = f"{reverse('console:change', args=[change.pk])}#drift"
    return Need(Badge("Drift", "warn", "bad"), change.title, since, "Show drift", url, change.number)


def _no_answer(cluster: Cluster, now: datetime) -> Need:
    since = cluster.failing_since
    length = f"for {times.span(now - since)}" if since else ""
    refused = cluster.health == HealthState.AUTH_FAILED
    badge = Badge("Credential refused", "key", "bad") if refused else Badge("No answer", "down-link", "warn")
    text = f"{cluster.name}: {cluster.health_message or 'the cluster does not answer.'}"
    return Need(badge, text, length, "Show cause", reverse("console:cluster", args=[cluster.name]))


def _blocked(cluster: Cluster) -> Need:
    text = f"{cluster.name}: {blocked.sentence(figures_of(cluster))}."
    url = reverse("console:cluster-egress", args=[cluster.name])
    return Need(Badge("Blocked hosts", "crit", "bad"), text, "", "Show matrix", url)


def _cause(cause: Cause) -> Need:
    found, clusters = cause["open"], cause["clusters"]
    places = f"{found} object{'s' * (found != 1)} in {clusters} cluster{'s' * (clusters != 1)}"
    url = f"{reverse('console:findings')}?code={cause['code']}"
    badge = Badge("Critical finding", "finding", "bad")
    return Need(badge, f"{cause['title']}: {places}.", "", "Show findings", url, cause["code"])


def _expiring(cluster: Cluster, now: datetime) -> Need | None:
    credential = getattr(cluster, "credential", None)
    if credential is None or credential.expires_at is None or credential.expires_at - now > EXPIRY_WARNING:
        return None
    over = credential.expires_at <= now
    text = (
        f"The credential for {cluster.name} {'has expired' if over else 'expires soon'}. "
        "Without a new one the cluster is read no longer."
    )
    url = reverse("console:cluster", args=[cluster.name])
    return Need(
        Badge("Credential", "key", "warn"), text, times.ago(credential.expires_at, now), "Show cluster", url
    )
