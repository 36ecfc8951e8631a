"""A notification as a mail of plain text. Does not know when or how often it is sent."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from apps.notifications.events import TO_DECIDE, Event
from apps.notifications.models import Delivery

NOWHERE = "django.core.mail.backends.dummy.EmailBackend"


def mail_is_sent() -> bool:
    """Whether this installation has somewhere to send mail to."""
    return bool(settings.EMAIL_BACKEND != NOWHERE)


def message(delivery: Delivery) -> EmailMessage:
    """The mail of a delivery that has a recipient with an address."""
    notification, person = delivery.notification, delivery.recipient
    if person is None:
        raise ValueError("This delivery is for a webhook.")
    document: dict[str, Any] = notification.payload
    name = "decide" if Event(notification.event) in TO_DECIDE else "outcome"
    context = {"person": person, "document": document, "change": document["change"]}
    text = render_to_string(f"notifications/{name}.txt", {**context, "console": settings.MESHCONSOLE_URL})
    return EmailMessage(
        subject=" ".join(str(document["summary"]).split()),
        body=text,
        to=[person.email],
        headers={"Message-ID": f"<{delivery.pk}@meshconsole>", "Auto-Submitted": "auto-generated"},
    )
