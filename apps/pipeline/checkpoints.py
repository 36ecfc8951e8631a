"""Signed checkpoints of the audit record on their way out: into a file, and to webhooks that want them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from apps.audit import checkpoints
from apps.audit.models import AuditCheckpoint
from apps.audit.selectors import last_checkpoint
from apps.common.clock import now
from apps.notifications.events import Event
from apps.notifications.notify import notify

log = structlog.get_logger(__name__)


def take_due() -> AuditCheckpoint | None:
    """Takes one when a key is set and the last is older than MESHCONSOLE_AUDIT_SECONDS."""
    if not settings.MESHCONSOLE_AUDIT_KEY:
        return None
    last = last_checkpoint()
    if last is not None and now() - last.at < timedelta(seconds=settings.MESHCONSOLE_AUDIT_SECONDS):
        return None
    return take()


def take() -> AuditCheckpoint | None:
    """Signs the head now and ships it; None when there is nothing new. Raises NoKeyError."""
    with transaction.atomic():
        made = checkpoints.take()
        if made is not None:
            notify(Event.AUDIT_CHECKPOINT, extra=checkpoints.as_json(made))
    if made is not None and settings.MESHCONSOLE_AUDIT_FILE:
        _write(Path(settings.MESHCONSOLE_AUDIT_FILE), checkpoints.as_line(made))
    return made


def _write(path: Path, line: str) -> None:
    """Adds a line. A full disk is told in the log; the checkpoint is in the database and on its way."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as failure:
        log.error("checkpoint_not_written", error=type(failure).__name__, path=str(path))
