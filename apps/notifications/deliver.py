"""Sending what is due: claim by conditional update, send, record. At least once, under one delivery id.

A failure costs the delivery a try and nothing else: later tries come with growing pauses, and after the
last one it is given up and shown. Decides nothing about what is told.
"""

from __future__ import annotations

import json
import random
import smtplib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from apps.clusters.secrets import SecretUnreadableError
from apps.common import redaction
from apps.common.clock import now
from apps.notifications import mail, post, sealed
from apps.notifications.models import Delivery, Webhook
from apps.notifications.payload import body_for
from apps.notifications.signature import DELIVERY, EVENT, HEADER, signature

MAX_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=2)
QUIET = timedelta(minutes=5)  # at most, for what waits behind a delivery that got no answer
HELD = timedelta(minutes=2)  # by an attempt; longer than any takes
BUDGET_SECONDS = 20.0
AT_ONCE = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt went: `status` of an answer, and what was said, or why nothing was."""

    accepted: bool
    status: int | None
    said: str


def deliver_due(*, budget: float = BUDGET_SECONDS) -> int:
    """Sends what is due, oldest first, for at most `budget` seconds; how many tries that were. A channel
    that gave no answer is left alone for a while with all that waits for it: the others have their turn."""
    ends, tries = time.monotonic() + budget, 0
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING)
    while tries < AT_ONCE and time.monotonic() < ends:
        due = waiting.filter(next_at__lte=now()).order_by("next_at", "created_at")
        delivery = due.select_related("notification", "webhook", "recipient").first()
        if delivery is None:
            break
        result = attempt(delivery)
        tries += 1
        if result is not None and not result.accepted and result.status is None:
            quiet = now() + min(pause(delivery.attempts + 1), QUIET)
            of_channel = waiting.filter(webhook=delivery.webhook)  # all mail is one channel
            of_channel.filter(next_at__lt=quiet).update(next_at=quiet)
    return tries


def attempt(delivery: Delivery, *, last: bool = False) -> Result | None:
    """One try. None when somebody else took it first. `last`: a failure is final."""
    number = delivery.attempts + 1
    mine = Delivery.objects.filter(
        pk=delivery.pk, state=Delivery.State.WAITING, attempts=delivery.attempts
    ).update(attempts=number, next_at=now() + HELD, tried_at=now())
    if not mine:
        return None
    result = _send(delivery)
    final = last or number >= MAX_ATTEMPTS
    state = Delivery.State.DEAD if final else Delivery.State.WAITING
    Delivery.objects.filter(pk=delivery.pk, attempts=number).update(
        state=Delivery.State.SENT if result.accepted else state,
        status=result.status,
        said=result.said[:300],
        next_at=now() + pause(number),
    )
    if not result.accepted:
        log.warning("delivery_failed", delivery=str(delivery.pk), attempt=number, said=result.said)
    return result


def pause(attempts: int) -> timedelta:
    """Before the next try: doubled each time up to two hours, and up to a quarter longer by chance, so
    that many that failed together do not come back together."""
    steps = min(attempts - 1, 20)
    doubled = min(FIRST_PAUSE * float(2**steps), LONGEST_PAUSE)
    return doubled * (1 + random.random() / 4)  # noqa: S311


def _send(delivery: Delivery) -> Result:
    """Whatever goes wrong here is a result: one delivery must not stop the others."""
    try:
        if delivery.webhook is not None:
            return _post(delivery, delivery.webhook)
        mail.message(delivery).send()
    except (post.NotDeliveredError, SecretUnreadableError) as failure:
        return Result(False, None, str(failure))
    except smtplib.SMTPException as failure:
        return Result(False, None, f"The mail server refused it: {type(failure).__name__}.")
    except OSError as failure:
        return Result(False, None, f"The mail server does not answer: {type(failure).__name__}.")
    except ValueError:
        return Result(False, None, "The address of the recipient cannot be used.")
    return Result(True, None, "Handed to the mail server.")


def _post(delivery: Delivery, webhook: Webhook) -> Result:
    if not webhook.enabled and delivery.notification.event != "test":
        return Result(False, None, "The webhook is disabled.")
    kept = sealed.unseal(webhook)
    document: dict[str, Any] = delivery.notification.payload
    body = json.dumps(body_for(webhook, document), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        EVENT: delivery.notification.event,
        DELIVERY: str(delivery.pk),
        HEADER: signature(kept.secret, body, int(now().timestamp())),
    }
    answer = post.post(kept.url, body, headers)
    said = redaction.text(answer.excerpt.replace(kept.secret, redaction.REMOVED))
    return Result(answer.accepted, answer.status, said)
