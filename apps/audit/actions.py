"""Writing the append-only record and checking it. The only place that makes AuditEvent rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from django.db import IntegrityError, transaction

from apps.audit import chain
from apps.audit.context import current
from apps.audit.models import AuditCheckpoint, AuditEvent, Outcome
from apps.common import redaction
from apps.common.clock import now

CONSOLE = "console"
MAX_ATTEMPTS = 50
CHUNK = 2000
DETAIL_LIMIT = 20_000  # characters of JSON


class Actor(Protocol):
    """Whoever acts, as far as the record cares. `accounts.User` fits."""

    @property
    def pk(self) -> Any: ...

    def get_username(self) -> str: ...


def record(
    *,
    actor: Actor | None,
    action: str,
    summary: str,
    object_type: str = "",
    object_id: str = "",
    cluster: str = "",
    outcome: Outcome = Outcome.DONE,
    detail: Mapping[str, Any] | None = None,
    via: str = "",
    request_id: str = "",
) -> AuditEvent:
    """Adds a row to the chain, in the caller's transaction where there is one.

    `actor` None stands for the console itself. Two writers that reach for the same number are put in
    a row by the primary key: the later one tries again behind the earlier.
    """
    origin = current()
    fields: dict[str, Any] = {
        "at": now(),
        "actor_id": actor.pk if actor is not None else None,
        "actor": _short(actor.get_username() if actor is not None else CONSOLE, 150),
        "via": via or origin.via,
        "request_id": _short(request_id or origin.request_id, 64),
        "action": _short(action, 60),
        "outcome": str(outcome),
        "object_type": object_type,
        "object_id": _short(object_id, 300),
        "cluster": cluster,
        "summary": _short(redaction.text(summary), 500),
        "detail": _detail(detail or {}),
    }
    for _ in range(MAX_ATTEMPTS):
        try:
            with transaction.atomic():
                return _append(fields)
        except IntegrityError:
            continue
    raise RuntimeError("The audit record could not be extended: too many writers at once.")


def verify(noted: Iterable[chain.Head] = ()) -> chain.ChainReport:
    """Walks the whole record. `noted` are heads kept elsewhere, which find a cut-off end; the console's
    own checkpoints are looked at in any case."""
    kept = [chain.Head(*row) for row in AuditCheckpoint.objects.values_list("seq", "hash")]
    rows = AuditEvent.objects.order_by("seq").values(*chain.FIELDS, "prev_hash", "hash")
    return chain.check(rows.iterator(chunk_size=CHUNK), [*noted, *kept])


def _append(fields: Mapping[str, Any]) -> AuditEvent:
    last = AuditEvent.objects.order_by("-seq").values_list("seq", "hash").first()
    seq, prev_hash = (last[0] + 1, last[1]) if last else (1, chain.GENESIS)
    row = {**fields, "seq": seq}
    event = AuditEvent(**row, prev_hash=prev_hash, hash=chain.digest(prev_hash, row))
    event.save(force_insert=True)
    return event


def _short(text: str, limit: int) -> str:
    text = text.replace("\x00", "")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON without secrets and without NUL, which Postgres does not keep."""
    body = json.dumps(redaction.value(detail), default=str).replace("\\u0000", "")
    if len(body) > DETAIL_LIMIT:
        return {"left_out": f"The detail had {len(body)} characters."}
    plain: dict[str, Any] = json.loads(body, parse_float=str)  # a database may rewrite a float
    return plain
