"""Reading coverage by day, by permission: what a person may not see is in no sum. Few queries each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, timedelta

from django.db.models import Min, QuerySet

from apps.accounts.permissions import Permission, Person, allows
from apps.analysis.models import CoverageDay
from apps.analysis.recording import KEEP_DAYS
from apps.analysis.trend import Counts, Day, Recorded, Series, add_up
from apps.clusters.models import Cluster, Environment, Pause
from apps.common.clock import now
from apps.common.errors import InvalidInputError

PAGE_DAYS = 30
API_DAYS = 90


def of_fleet(clusters: Iterable[Cluster], days: int) -> list[Series]:
    """The fleet, then each environment that has a cluster or had one on one of these days, with the clusters
    that were in it on each day; nothing without a cluster. `clusters` are those that the person may see; no
    other is in a sum. Three queries."""
    known = _recorded(list(clusters), days)
    series = [_series(known, days)] if known else []
    for environment in Environment.values:
        if any(environment in (one.environment, *one.environments.values()) for one in known):
            series.append(_series(known, days, environment=environment))
    return series


def of_cluster(cluster: Cluster, days: int) -> Series:
    """One cluster. Three queries."""
    (known,) = _recorded([cluster], days)
    return Series(_days([known], days), environment=cluster.environment, cluster=cluster.name)


def of_namespaces(user: Person, cluster: Cluster, days: int, only: str = "") -> list[Series]:
    """Each namespace of a cluster that the person may see and that had workloads of applications on one of
    these days, by name, or `only` one. A day on which it had none counts nothing. Three queries."""
    return with_namespaces(user, cluster, days, only)[1:]


def with_namespaces(user: Person, cluster: Cluster, days: int, only: str = "") -> list[Series]:
    """The cluster, then each of its namespaces that the person may see. Three queries."""
    stored = list(_rows([cluster], days).values("day", "total", "expected", "by_kind", "namespaces"))
    first, pauses = _first_days([cluster]).get(cluster.pk), _pauses([cluster]).get(cluster.pk, ())
    place = {"environment": cluster.environment, "cluster": cluster.name}

    def series(counted: dict[date, Counts], namespace: str = "") -> Series:
        known = Recorded(cluster.name, _since(cluster), first, counted, pauses=pauses)
        return Series(_days([known], days), **place, namespace=namespace)

    whole = {row["day"]: Counts(row["total"], row["expected"], row["by_kind"]) for row in stored}
    names = sorted({name for row in stored for name in row["namespaces"] if only in ("", name)})
    return [
        series(whole),
        *(
            series({row["day"]: Counts(**row["namespaces"].get(name, {})) for row in stored}, name)
            for name in names
            if allows(user, Permission.VIEW, **place, namespace=name)
        ),
    ]


def days_asked(text: str) -> int:
    """A number of days as somebody asks for it; API_DAYS for "". Raises InvalidInputError."""
    if not text:
        return API_DAYS
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:5]) <= KEEP_DAYS:
        raise InvalidInputError(f"days is a number from 1 to {KEEP_DAYS}.", field="days")
    return int(text)


def _recorded(clusters: Sequence[Cluster], days: int) -> list[Recorded]:
    first = _first_days(clusters)
    found: dict[int, dict[date, Counts]] = {cluster.pk: {} for cluster in clusters}
    environments: dict[int, dict[date, str]] = {cluster.pk: {} for cluster in clusters}
    pauses = _pauses(clusters)
    fields = ("cluster_id", "day", "total", "expected", "by_kind", "environment")
    for pk, day, total, expected, by_kind, environment in _rows(clusters, days).values_list(*fields):
        found[pk][day] = Counts(total, expected, by_kind)
        if environment:
            environments[pk][day] = environment
    return [
        Recorded(
            one.name,
            _since(one),
            first.get(one.pk),
            found[one.pk],
            one.environment,
            environments[one.pk],
            pauses.get(one.pk, ()),
        )
        for one in clusters
    ]


def _pauses(clusters: Sequence[Cluster]) -> dict[int, tuple[tuple[date, date | None], ...]]:
    """By cluster: the first and the last day (UTC) of each of its pauses."""
    found: dict[int, tuple[tuple[date, date | None], ...]] = {}
    rows = Pause.objects.filter(cluster__in=clusters).values_list("cluster_id", "since", "until")
    for pk, since, until in rows:
        last = until.astimezone(UTC).date() if until is not None else None
        found[pk] = (*found.get(pk, ()), (since.astimezone(UTC).date(), last))
    return found


def _rows(clusters: Sequence[Cluster], days: int) -> QuerySet[CoverageDay]:
    first = now().date() - timedelta(days=days - 1)
    return CoverageDay.objects.filter(cluster__in=clusters, day__gte=first).order_by("day")


def _first_days(clusters: Sequence[Cluster]) -> dict[int, date]:
    rows = CoverageDay.objects.filter(cluster__in=clusters).order_by()
    return dict(rows.values_list("cluster_id").annotate(first=Min("day")))


def _since(cluster: Cluster) -> date:
    return cluster.created_at.astimezone(UTC).date()


def _series(known: Sequence[Recorded], days: int, environment: str = "") -> Series:
    return Series(_days(known, days, environment), environment=environment)


def _days(known: Sequence[Recorded], days: int, environment: str = "") -> tuple[Day, ...]:
    return add_up(known, until=now().date(), days=days, environment=environment)
