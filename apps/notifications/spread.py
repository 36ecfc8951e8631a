"""Chooses the channels of a notification: which webhooks want it, and whom mail reaches.

Costs what it costs: it runs in a worker, long after the transaction that was told about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission
from apps.accounts.selectors import eligible
from apps.changes import access, duties
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common.clock import now
from apps.notifications.events import TO_DECIDE, TROUBLE, Event
from apps.notifications.mail import mail_is_sent
from apps.notifications.models import Delivery, Notification, Webhook
from apps.notifications.payload import payload
from apps.notifications.selectors import preferences

AT_ONCE = 200


def spread_waiting() -> int:
    """Chooses the channels of everything that has none yet; how many deliveries that makes."""
    waiting = Notification.objects.filter(spread_at=None).select_related("change__author").order_by("pk")
    return sum(_spread(notification) for notification in waiting[:AT_ONCE])


def _spread(notification: Notification) -> int:
    document, moment = payload(notification), now()
    rows = [
        *(Delivery(webhook=one, notification=notification) for one in _webhooks(document)),
        *(Delivery(recipient=one, notification=notification) for one in _people(notification)),
    ]
    for row in rows:
        row.created_at = row.next_at = moment
    with transaction.atomic():
        first = Notification.objects.filter(pk=notification.pk, spread_at=None)
        if not first.update(spread_at=moment, payload=document):
            return 0
        Delivery.objects.bulk_create(rows)
    return len(rows)


def _webhooks(document: dict[str, Any]) -> Iterator[Webhook]:
    touched = set(document["change"]["environments"]) if document["change"] else set()
    for webhook in Webhook.objects.filter(enabled=True):
        wanted = set(webhook.environments)
        if document["event"] in webhook.events and (not wanted or not touched or wanted & touched):
            yield webhook


def _people(notification: Notification) -> list[User]:
    if notification.change is None or not mail_is_sent():
        return []
    asked = dict(_asked(Event(notification.event), notification.change))
    wishes = preferences(asked)
    return [
        person
        for person, reasons in asked.items()
        if person.email and person.is_active and any(getattr(wishes[person.pk], name) for name in reasons)
    ]


def _asked(event: Event, change: ChangeSet) -> Iterable[tuple[User, set[str]]]:
    """People with the names of the preferences of which one has to be set."""
    where = access.places(current_revision(change))
    reasons: dict[User, set[str]] = {}
    if event in TO_DECIDE:
        for person in duties.eligible_reviewers(change, where):
            reasons.setdefault(person, set()).add("to_decide")
    else:
        for person in User.objects.filter(pk__in=duties.hands(change)):
            reasons.setdefault(person, set()).add("mine")
    if event in TROUBLE:
        named = [(place.environment, place.cluster, place.namespace) for place in where]
        for person in eligible(Permission.EXECUTE, named):
            reasons.setdefault(person, set()).add("trouble")
    return reasons.items()
