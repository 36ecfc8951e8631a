"""The body of a webhook: a small document with a stable schema; docs/operations/notifications.md has it.

Names and states only: no manifest, no host, no comment. Knows no channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from apps.changes.access import places
from apps.changes.links import url_of
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.notifications.events import Event
from apps.notifications.models import Notification, Webhook

VERSION = 1
TITLE_LIMIT = 200
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def payload(notification: Notification) -> dict[str, Any]:
    """The document, the same for every receiver and every attempt."""
    event, change = Event(notification.event), notification.change
    about = _change(change, notification.state) if change else None
    return {
        "version": VERSION,
        "id": notification.pk,
        "event": event.value,
        "at": notification.at.astimezone(UTC).isoformat(timespec="seconds"),
        "summary": _summary(event, change, notification.extra),
        "actor": notification.actor,
        "change": about,
        "extra": notification.extra,
    }


def body_for(webhook: Webhook, document: dict[str, Any]) -> dict[str, Any]:
    """What is sent: the document, or a text as Slack and those who imitate it take it."""
    if webhook.format != Webhook.Format.SLACK:
        return document
    change = document["change"]
    text = str(document["summary"]).translate(_SLACK)
    if change is None:
        return {"text": text}
    where = ", ".join(change["clusters"]).translate(_SLACK)
    link = f"<{change['url']}|{change['number']}>" if change["url"].startswith("http") else change["number"]
    risk = f", risk {change['risk']}" if change["risk"] else ""
    return {"text": f"{text}\n{link} on {where}{risk}, by {document['actor'].translate(_SLACK)}"}


def _summary(event: Event, change: ChangeSet | None, extra: Mapping[str, Any]) -> str:
    if event is Event.POLICY and extra:
        return f"Version {extra['version']} of the approval policy was {extra['step']}"
    if change is None:
        return event.words
    return f"{change.number} {event.words}: {_line(change.title)}"


def _change(change: ChangeSet, state: str) -> dict[str, Any]:
    revision = current_revision(change)
    where = places(revision)
    return {
        "id": change.pk,
        "number": change.number,
        "kind": change.kind,
        "title": _line(change.title),
        "state": state,
        "risk": str(revision.policy.get("level", "")),
        "url": url_of(change),
        "author": change.author.display_name,
        "clusters": sorted({place.cluster for place in where}),
        "environments": sorted({place.environment for place in where}),
    }


def _line(text: str) -> str:
    return " ".join(text.split())[:TITLE_LIMIT]
