"""From suppressions that are kept to the marks on findings: which columns say what makes one quiet.

What covers what is decided in the mesh core. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import Count, Q

from apps.analysis.models import Finding, Suppression
from apps.clusters.models import Cluster
from apps.mesh import findings as mesh
from apps.mesh import suppression as core
from apps.mesh.findings import Severity
from apps.mesh.refs import ResourceRef
from apps.mesh.suppression import By, Entry

Standing = Mapping[Entry, Suppression]
LOUD: dict[str, Any] = {
    "suppressed_by": "",
    "suppressed_reason": "",
    "suppressed_until": None,
    "suppression_id": None,
}
COLUMNS = ("suppressed_by", "suppressed_reason", "suppressed_until", "suppression")


def entry(row: Suppression) -> Entry:
    """A row as the mesh core takes it."""
    return Entry(
        core.Suppression(By.CONSOLE, row.reason, row.until),
        code=row.code,
        kind=row.kind,
        namespace=row.namespace,
        name=row.name,
        fingerprint=row.fingerprint,
    )


def standing(cluster: Cluster, today: date) -> Standing:
    """What is suppressed in a cluster on that day: neither lifted nor over. One query."""
    holds = Q(until__isnull=True) | Q(until__gte=today)
    rows = Suppression.objects.filter(holds, cluster=cluster, lifted_at__isnull=True).order_by("pk")
    return {entry(row): row for row in rows}


def of(finding: mesh.Finding, ignored: Mapping[str, core.Suppression], standing: Standing) -> dict[str, Any]:
    """The columns of what was just found: its object's annotation comes before what was decided here."""
    own = ignored.get(finding.fingerprint)
    if own is not None:
        return {**LOUD, "suppressed_by": own.by.value, "suppressed_reason": own.reason}
    return decided(finding.code, finding.ref, finding.fingerprint, standing)


def decided(code: str, ref: ResourceRef, fingerprint: str, standing: Standing) -> dict[str, Any]:
    """The columns of a finding that no annotation makes quiet."""
    covering = [entry for entry in standing if entry.covers(code, ref, fingerprint)]
    if not covering:
        return LOUD
    row = standing[core.longest(covering)]
    return {
        "suppressed_by": By.CONSOLE.value,
        "suppressed_reason": row.reason,
        "suppressed_until": row.until,
        "suppression_id": row.pk,
    }


def quiet(today: date) -> Q:
    """The condition on findings that they are suppressed on that day."""
    return ~Q(suppressed_by="") & (Q(suppressed_until__isnull=True) | Q(suppressed_until__gte=today))


def figures(cluster: Cluster, today: date) -> dict[str, Any]:
    """How many findings of a cluster are open by severity, and how many are suppressed. One query."""
    open_now = Finding.objects.filter(cluster=cluster, resolved_at__isnull=True)
    suppressed = Count("pk", filter=quiet(today))
    counted = open_now.order_by().values("severity").annotate(number=Count("pk"), suppressed=suppressed)
    by_severity = {row["severity"]: (row["number"], row["suppressed"]) for row in counted}
    return {
        "findings": {s.value: n - q for s in Severity for n, q in [by_severity.get(s.value, (0, 0))]},
        "suppressed": sum(q for _, q in by_severity.values()),
    }
