"""Reading the record: newest first, filtered. Who may read is decided by the caller's filter."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from apps.audit.chain import GENESIS, Head
from apps.audit.models import AuditCheckpoint, AuditEvent


def events(
    *,
    text: str = "",
    actor: str = "",
    action: str = "",
    outcome: str = "",
    cluster: str = "",
    object_type: str = "",
    object_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Rows newest first. `text` is looked for in summary, object and actor; `action` may end in `*`."""
    found = AuditEvent.objects.order_by("-seq")
    exact = {
        "actor": actor,
        "outcome": outcome,
        "cluster": cluster,
        "object_type": object_type,
        "object_id": object_id,
    }
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if action.endswith("*"):
        found = found.filter(action__startswith=action[:-1])
    elif action:
        found = found.filter(action=action)
    if text:
        found = found.filter(
            Q(summary__icontains=text) | Q(object_id__icontains=text) | Q(actor__icontains=text)
        )
    if since:
        found = found.filter(at__gte=since)
    if until:
        found = found.filter(at__lt=until)
    return found


def head() -> Head:
    """The last row: what to note down as a checkpoint."""
    last = AuditEvent.objects.order_by("-seq").values_list("seq", "hash").first()
    return Head(*last) if last else Head(0, GENESIS)


def last_checkpoint() -> AuditCheckpoint | None:
    """The newest signed head that was taken here."""
    return AuditCheckpoint.objects.order_by("-seq").first()


def checkpoints() -> QuerySet[AuditCheckpoint]:
    """Every signed head, oldest first."""
    return AuditCheckpoint.objects.order_by("seq")
