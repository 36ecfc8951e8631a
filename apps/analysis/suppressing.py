"""Deciding that findings do not count, with a reason and for how long, and taking that back.

Nothing is dropped: a suppressed finding is kept, marked and counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows, require
from apps.analysis import marks
from apps.analysis.models import ClusterSummary, Finding, Suppression
from apps.audit.actions import record
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.common.errors import InvalidInputError, WrongStateError
from apps.mesh.analyse import KNOWN_CODES
from apps.mesh.suppression import ALL, ANNOTATION, REASON_LIMIT, By

DEFAULT_DAYS = 30
LIMITS = {"kind": 63, "namespace": 63, "name": 253}
BATCH = 500


@dataclass(frozen=True, slots=True)
class Pattern:
    """Every finding of a check on the objects that match; `*` and `?` are wildcards."""

    code: str
    kind: str = ALL
    namespace: str = ALL
    name: str = ALL


def default_until(today: date) -> date:
    """The last day when nobody names one."""
    return today + timedelta(days=DEFAULT_DAYS)


def suppress_finding(*, actor: User, finding: Finding, reason: str, until: date | None) -> Suppression:
    """Suppresses one finding, by its fingerprint, up to and with a day; None until it is lifted. Raises
    InvalidInputError, PermissionDeniedError, WrongStateError."""
    _require(actor, finding.cluster, finding.namespace)
    if finding.resolved_at is not None:
        raise WrongStateError("It is resolved: there is nothing to suppress.")
    if finding.is_suppressed(now().date()):
        raise WrongStateError("It is suppressed already. Lift that first.")
    row = Suppression(
        cluster=finding.cluster,
        fingerprint=finding.fingerprint,
        code=finding.code,
        kind=finding.kind,
        namespace=finding.namespace,
        name=finding.name,
        severity=finding.severity,
    )
    return _keep(actor, row, reason, until)


def suppress_pattern(
    *, actor: User, cluster: Cluster, pattern: Pattern, reason: str, until: date | None
) -> Suppression:
    """Suppresses every finding that a pattern covers, those of later readings too. Where the namespace
    has a wildcard it takes the permission for all namespaces. Raises as `suppress_finding` does."""
    _require(actor, cluster, pattern.namespace)
    if pattern.code not in KNOWN_CODES:
        raise InvalidInputError(f"There is no check {pattern.code[:40]!r}.", field="code")
    for field, limit in LIMITS.items():
        value = getattr(pattern, field)
        if not value or len(value) > limit or not value.isprintable():
            raise InvalidInputError(
                f"Give a {field}, or * for any, of at most {limit} characters.", field=field
            )
    row = Suppression(
        cluster=cluster,
        code=pattern.code,
        kind=pattern.kind,
        namespace=pattern.namespace,
        name=pattern.name,
    )
    return _keep(actor, row, reason, until)


def lift(*, actor: User, suppression: Suppression) -> Suppression:
    """Takes a suppression back: what it covers counts again. Raises PermissionDeniedError, and
    WrongStateError when it is lifted already."""
    _require(actor, suppression.cluster, suppression.namespace, action="finding.lift")
    at = now()
    with transaction.atomic():
        lifted = Suppression.objects.filter(pk=suppression.pk, lifted_at__isnull=True).update(
            lifted_at=at, lifted_by=actor
        )
        if not lifted:
            raise WrongStateError("It was lifted already.")
        _mark(suppression.cluster, suppression.code, at.date())
        _record(actor, suppression, "finding.lift", f"Lifted the suppression of {suppression}")
    suppression.refresh_from_db()
    return suppression


def lift_of(*, actor: User, finding: Finding) -> Suppression:
    """Takes back what suppresses a finding, for everything that it covers. Raises as `lift` does, and
    WrongStateError when nothing that was decided here suppresses it."""
    _require(actor, finding.cluster, finding.namespace, action="finding.lift")
    if finding.suppressed_by == By.ANNOTATION:
        raise WrongStateError(
            f"The object's own annotation {ANNOTATION} suppresses it. Take it off the object."
        )
    if finding.suppression is None or not finding.is_suppressed(now().date()):
        raise WrongStateError("It is not suppressed.")
    return lift(actor=actor, suppression=finding.suppression)


def may_suppress(user: User, cluster: Cluster, namespace: str) -> bool:
    """Whether the person may suppress findings there."""
    return allows(user, Permission.SUPPRESS, **_place(cluster, namespace))


def _require(actor: User, cluster: Cluster, namespace: str, action: str = "finding.suppress") -> None:
    require(actor, Permission.SUPPRESS, **_place(cluster, namespace), action=action)


def _place(cluster: Cluster, namespace: str) -> dict[str, str]:
    """A wildcard may reach every namespace, so it stands for all of them."""
    whole = bool(set(namespace) & {"*", "?"})
    return {
        "environment": cluster.environment,
        "cluster": cluster.name,
        "namespace": "" if whole else namespace,
    }


def _keep(actor: User, row: Suppression, reason: str, until: date | None) -> Suppression:
    at = now()
    row.reason, row.until = reason.replace("\x00", "").strip(), until
    if not row.reason or len(row.reason) > REASON_LIMIT:
        raise InvalidInputError(
            f"Say why, in at most {REASON_LIMIT} characters: others will read it.", field="reason"
        )
    if until is not None and until < at.date():
        raise InvalidInputError("The last day is over already.", field="until")
    row.created_by, row.created_at = actor, at
    with transaction.atomic():
        row.save()
        _mark(row.cluster, row.code, at.date())
        _record(actor, row, "finding.suppress", f"Suppressed {row}")
    return row


def _mark(cluster: Cluster, code: str, today: date) -> None:
    """Makes the marks on the cluster's findings of a check, and its figures, say what now stands."""
    standing = marks.standing(cluster, today)
    rows = Finding.objects.filter(cluster=cluster, code=code, resolved_at__isnull=True)
    altered = []
    for row in rows.exclude(suppressed_by=By.ANNOTATION):
        wanted = marks.decided(row.code, row.ref, row.fingerprint, standing)
        if any(getattr(row, name) != value for name, value in wanted.items()):
            for name, value in wanted.items():
                setattr(row, name, value)
            altered.append(row)
    Finding.objects.bulk_update(altered, marks.COLUMNS, batch_size=BATCH)
    summary = ClusterSummary.objects.select_for_update().filter(cluster=cluster).first()
    if summary is not None:
        summary.figures = {**summary.figures, **marks.figures(cluster, today)}
        summary.save(update_fields=["figures"])


def _record(actor: User, row: Suppression, action: str, words: str) -> None:
    detail: dict[str, Any] = {
        "code": row.code,
        "kind": row.kind,
        "namespace": row.namespace,
        "name": row.name,
        "fingerprint": row.fingerprint,
        "reason": row.reason,
        "until": row.until.isoformat() if row.until else None,
    }
    record(
        actor=actor,
        action=action,
        summary=f"{words} in {row.cluster.name}: {row.reason}",
        object_type="suppression",
        object_id=str(row.pk),
        cluster=row.cluster.name,
        detail=detail,
    )
