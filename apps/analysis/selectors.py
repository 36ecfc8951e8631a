"""Reading prepared answers: only those of clusters and namespaces that the asker may see."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission, object_filter
from apps.analysis.models import Finding, ScopeVerdicts, WorkloadState
from apps.clusters.models import Cluster


def findings(user: User) -> QuerySet[Finding]:
    """Findings, open and resolved, each with its cluster, most severe and newest first."""
    found = Finding.objects.filter(object_filter(user, Permission.VIEW)).select_related("cluster")
    return found.order_by("severity_rank", "-opened_at", "pk")


def open_findings(user: User) -> QuerySet[Finding]:
    """Findings whose cause was still there at the last analysis."""
    return findings(user).filter(resolved_at__isnull=True)


def findings_by_code(user: User) -> list[dict[str, Any]]:
    """Open findings counted by code: `code`, `title`, `severity`, `open`, `clusters`; worst first."""
    rows = open_findings(user).order_by().values("code", "title", "severity", "severity_rank")
    counted = rows.annotate(open=Count("pk"), clusters=Count("cluster", distinct=True))
    return list(counted.order_by("severity_rank", "-open", "code"))


def workloads(user: User) -> QuerySet[WorkloadState]:
    """The state of every workload, each with its cluster."""
    return WorkloadState.objects.filter(object_filter(user, Permission.VIEW)).select_related("cluster")


def scopes(user: User, cluster: Cluster) -> QuerySet[ScopeVerdicts]:
    """The egress scopes of one cluster, without their whole answers: those are read for one scope."""
    found = ScopeVerdicts.objects.filter(object_filter(user, Permission.VIEW), cluster=cluster)
    return found.defer("answers").order_by("namespace", "label", "key")


def scope(user: User, cluster: Cluster, key: str) -> ScopeVerdicts | None:
    """One egress scope with its whole answers."""
    found = ScopeVerdicts.objects.filter(object_filter(user, Permission.VIEW), cluster=cluster, key=key)
    return found.first()


def tallies(queryset: QuerySet[WorkloadState], field: str) -> dict[str, int]:
    """How many rows there are of each value of a field."""
    rows = queryset.order_by().values_list(field).annotate(Count("pk"))
    return dict(rows)


def matching(text: str) -> Q:
    """The condition on rows with `namespace` and `name` for a text somebody typed; every word counts."""
    condition = Q()
    for word in text.split():
        condition &= Q(name__icontains=word) | Q(namespace__icontains=word)
    return condition
