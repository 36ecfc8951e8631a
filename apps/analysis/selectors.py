"""Reading the prepared answers by permission and namespace. A fixed small number of queries each."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypedDict, TypeVar

from django.db.models import Count, Max, Min, Model, Q, QuerySet

from apps.accounts.permissions import Permission, Person, cluster_filter, object_filter
from apps.analysis.marks import entry, quiet
from apps.analysis.models import ClusterSummary, Finding, ScopeVerdicts, Suppression, WorkloadState
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.mesh.hostsets import SPEEDSCALE

MAX_WORDS = 5
M = TypeVar("M", bound=Model)


class Cause(TypedDict):
    """A check with how many findings of it are open, in how many clusters."""

    code: str
    title: str
    severity: str
    open: int
    clusters: int
    mendable: int  # clusters on which the console can mend one


def findings(user: Person) -> QuerySet[Finding]:
    """Every finding the person may see, resolved ones too, with its cluster and who suppressed it."""
    return Finding.objects.filter(_places(user)).select_related("cluster", "suppression__created_by")


class Shown(StrEnum):
    """The states of findings that lists can be narrowed to."""

    OPEN = "open"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


def in_state(state: Shown) -> Q:
    """The condition on findings: open ones count, suppressed ones are there and do not count."""
    if state is Shown.RESOLVED:
        return Q(resolved_at__isnull=False)
    suppressed = quiet(now().date())
    return Q(resolved_at__isnull=True) & (suppressed if state is Shown.SUPPRESSED else ~suppressed)


def open_findings(user: Person) -> QuerySet[Finding]:
    """What is open now and not suppressed, most severe first, then longest open."""
    return findings(user).filter(in_state(Shown.OPEN)).order_by("severity_rank", "opened_at", "pk")


def unresolved(user: Person) -> QuerySet[Finding]:
    """What is there now, suppressed or not."""
    return findings(user).filter(resolved_at__isnull=True)


def suppressions(user: Person) -> QuerySet[Suppression]:
    """Every suppression the person may see, ended and lifted ones too, the newest first."""
    found = Suppression.objects.filter(object_filter(user, Permission.VIEW))
    return found.select_related("cluster", "created_by", "lifted_by")


def suppressions_of(user: Person, finding: Finding) -> list[Suppression]:
    """Those that cover a finding, or did once, the newest first."""
    found = suppressions(user).filter(cluster=finding.cluster, code=finding.code)
    return [row for row in found if entry(row).covers(finding.code, finding.ref, finding.fingerprint)]


def findings_by_code(user: Person) -> list[Cause]:
    """The open findings of each check, most severe and most frequent first. One query."""
    counted = (
        findings(user)
        .filter(in_state(Shown.OPEN))
        .order_by()
        .values("code")
        .annotate(
            open=Count("pk"),
            clusters=Count("cluster", distinct=True),
            mendable=Count("cluster", distinct=True, filter=~Q(remedy="")),
            rank=Min("severity_rank"),
            title=Max("title"),
            severity=Min("severity"),
        )
        .order_by("rank", "-open", "code")
    )
    words = ("error", "warning", "info")
    return [
        Cause(
            code=row["code"],
            title=row["title"],
            severity=words[row["rank"]] if 0 <= row["rank"] < len(words) else row["severity"],
            open=row["open"],
            clusters=row["clusters"],
            mendable=row["mendable"],
        )
        for row in counted
    ]


def workloads(user: Person) -> QuerySet[WorkloadState]:
    """Every workload the person may see, with its cluster."""
    return WorkloadState.objects.filter(object_filter(user, Permission.VIEW)).select_related("cluster")


def matching(text: str) -> Q:
    """The condition that every word of a search is in a workload's name, namespace or kind, or in its
    cluster's name."""
    condition = Q()
    for word in text.split()[:MAX_WORDS]:
        condition &= (
            Q(name__icontains=word)
            | Q(namespace__icontains=word)
            | Q(kind__iexact=word)
            | Q(cluster__name__icontains=word)
        )
    return condition


def scopes(user: Person, cluster: Cluster, hostset: str = SPEEDSCALE) -> QuerySet[ScopeVerdicts]:
    """The rows of a cluster's egress matrix, by namespace, without the evidence behind each cell."""
    return (
        ScopeVerdicts.objects.filter(object_filter(user, Permission.VIEW), cluster=cluster, hostset=hostset)
        .defer("answers")
        .order_by("namespace", "label", "pk")
    )


def scope(user: Person, cluster: Cluster, key: str, hostset: str = SPEEDSCALE) -> ScopeVerdicts | None:
    """One row with the whole answer of each cell."""
    seen = ScopeVerdicts.objects.filter(object_filter(user, Permission.VIEW), cluster=cluster)
    return seen.filter(hostset=hostset, key=key).first()


def scope_of(user: Person, state: WorkloadState) -> ScopeVerdicts | None:
    """The egress scope that a workload belongs to."""
    return scope(user, state.cluster, state.scope_key) if state.scope_key else None


def summaries(user: Person) -> QuerySet[ClusterSummary]:
    """The figures of every cluster the person may see, by name."""
    seen = cluster_filter(user, Permission.VIEW, prefix="cluster__")
    return ClusterSummary.objects.filter(seen).select_related("cluster").order_by("cluster__name")


def tallies(found: QuerySet[M], field: str) -> dict[str, int]:
    """How many rows have each value of a column. One query."""
    counted: Any = found.order_by().values_list(field).annotate(number=Count("pk"))
    return {str(value): number for value, number in counted}


def _places(user: Person) -> Q:
    """Objects by namespace; those without one for whoever sees anything of the cluster."""
    unscoped = Q(namespace="") & cluster_filter(user, Permission.VIEW, prefix="cluster__")
    return object_filter(user, Permission.VIEW) | unscoped
