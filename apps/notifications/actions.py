"""Keeping webhooks, testing them, sending again, choosing one's mail. Audited, and never with a secret."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, require
from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.clusters.models import Environment
from apps.common.clock import now
from apps.common.errors import InvalidInputError, WrongStateError
from apps.notifications import deliver, post, sealed
from apps.notifications.events import CHOICES, Event
from apps.notifications.models import Delivery, Notification, Preference, Webhook
from apps.notifications.notify import notify
from apps.notifications.payload import payload
from apps.notifications.sealed import Sealed

SHORTEST_SECRET = 16
LONGEST_SECRET = 200
NAME_LIMIT = 100
KNOWN = frozenset(value for value, _ in CHOICES)


def make_webhook(
    *,
    actor: User,
    name: str,
    url: str,
    secret: str,
    events: Sequence[str],
    environments: Sequence[str] = (),
    format: str = Webhook.Format.JSON,
) -> Webhook:
    """Keeps a receiver. Raises InvalidInputError with the field at fault, PermissionDeniedError."""
    require(actor, Permission.ADMINISTER, action="webhook.make")
    fields = _checked(name, events, environments, format)
    origin, kept = _origin(url), Sealed(url, _secret(secret))
    try:
        with transaction.atomic():
            webhook = Webhook.objects.create(**fields, origin=origin, ciphertext="")
            webhook.ciphertext = sealed.seal(webhook.pk, kept)
            webhook.save(update_fields=["ciphertext"])
            _record(actor, "webhook.make", webhook, f"Made the webhook «{webhook}» to {origin}.")
    except IntegrityError:
        raise _taken() from None
    return webhook


def edit_webhook(
    *,
    actor: User,
    webhook: Webhook,
    name: str,
    events: Sequence[str],
    environments: Sequence[str],
    format: str,
    enabled: bool,
    url: str = "",
    secret: str = "",
) -> Webhook:
    """Changes a receiver; an empty `url` or `secret` leaves what is kept. Raises as `make_webhook` does."""
    require(actor, Permission.ADMINISTER, action="webhook.edit")
    fields = {**_checked(name, events, environments, format), "enabled": enabled}
    if url:
        fields["origin"] = _origin(url)
    if secret:
        _secret(secret)
    try:
        with transaction.atomic():
            row = Webhook.objects.select_for_update().get(pk=webhook.pk)
            if url or secret:
                known = sealed.unseal(row) if not (url and secret) else Sealed("", "")
                fields["ciphertext"] = sealed.seal(row.pk, Sealed(url or known.url, secret or known.secret))
            for field, value in fields.items():
                setattr(row, field, value)
            row.save()
            changed = [word for word, given in (("address", url), ("secret", secret)) if given]
            said = f" Its {' and '.join(changed)} changed." if changed else ""
            state = "" if enabled else " It is disabled."
            _record(actor, "webhook.edit", row, f"Changed the webhook «{row}».{said}{state}")
    except IntegrityError:
        raise _taken() from None
    return row


def remove_webhook(*, actor: User, webhook: Webhook) -> None:
    """Forgets a receiver, its secret and what was sent to it."""
    require(actor, Permission.ADMINISTER, action="webhook.remove")
    with transaction.atomic():
        _record(actor, "webhook.remove", webhook, f"Removed the webhook «{webhook}» to {webhook.origin}.")
        webhook.delete()


def test_webhook(*, actor: User, webhook: Webhook) -> Delivery:
    """Sends a test event now, once, whatever the webhook is set to; the delivery says what was answered."""
    require(actor, Permission.ADMINISTER, action="webhook.test")
    with transaction.atomic():
        notification = notify(Event.TEST, actor=actor)
        moment = now()
        document = payload(notification)
        Notification.objects.filter(pk=notification.pk).update(payload=document, spread_at=moment)
        notification.payload = document
        delivery = Delivery.objects.create(
            notification=notification, webhook=webhook, created_at=moment, next_at=moment
        )
    deliver.attempt(delivery, last=True)
    delivery.refresh_from_db()
    sent = delivery.state == Delivery.State.SENT
    answer = f"HTTP {delivery.status}" if delivery.status else delivery.said
    _record(
        actor,
        "webhook.test",
        webhook,
        f"Tested the webhook «{webhook}»: {answer}",
        Outcome.DONE if sent else Outcome.FAILED,
    )
    return delivery


def redeliver(*, actor: User, delivery: Delivery) -> Delivery:
    """Has a delivery that ended sent again, under its old id. Raises WrongStateError while it waits."""
    require(actor, Permission.ADMINISTER, action="delivery.redeliver")
    with transaction.atomic():
        ended = Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.WAITING)
        if not ended.update(state=Delivery.State.WAITING, attempts=0, next_at=now()):
            raise WrongStateError("It is still being tried; there is nothing to send again.")
        record(
            actor=actor,
            action="delivery.redeliver",
            summary=f"Had {delivery} delivered again.",
            object_type="delivery",
            object_id=str(delivery.pk),
        )
    delivery.refresh_from_db()
    return delivery


def choose_mail(*, actor: User, to_decide: bool, mine: bool, trouble: bool) -> Preference:
    """What this person wants as mail; one's own choice only."""
    wishes = {"to_decide": to_decide, "mine": mine, "trouble": trouble}
    with transaction.atomic():
        row, _ = Preference.objects.update_or_create(user=actor, defaults=wishes)
        record(
            actor=actor,
            action="preference.choose",
            summary="Chose what is told by mail.",
            object_type="person",
            object_id=actor.username,
            detail=wishes,
        )
    return row


def _checked(name: str, events: Sequence[str], environments: Sequence[str], format: str) -> dict[str, object]:
    name = " ".join(name.split())
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidInputError(f"Give it a name of at most {NAME_LIMIT} characters.", field="name")
    if not events or set(events) - KNOWN:
        raise InvalidInputError(
            f"Choose one or more events out of {', '.join(sorted(KNOWN))}.", field="events"
        )
    if set(environments) - set(Environment.values):
        raise InvalidInputError(f"Choose out of {', '.join(Environment.values)}.", field="environments")
    if format not in Webhook.Format.values:
        raise InvalidInputError(f"Choose one of {', '.join(Webhook.Format.values)}.", field="format")
    return {
        "name": name,
        "events": sorted(set(events)),
        "environments": sorted(set(environments)),
        "format": format,
    }


def _origin(url: str) -> str:
    try:
        return post.target(url).origin
    except post.NotDeliveredError as refusal:
        raise InvalidInputError(str(refusal), field="url") from None


def _secret(text: str) -> str:
    if not SHORTEST_SECRET <= len(text) <= LONGEST_SECRET or not text.isprintable():
        raise InvalidInputError(
            f"The secret has {SHORTEST_SECRET} to {LONGEST_SECRET} printable characters.", field="secret"
        )
    return text


def _taken() -> InvalidInputError:
    return InvalidInputError("Another webhook has this name.", field="name")


def _record(
    actor: User, action: str, webhook: Webhook, summary: str, outcome: Outcome = Outcome.DONE
) -> None:
    record(
        actor=actor,
        action=action,
        summary=summary,
        object_type="webhook",
        object_id=str(webhook.pk),
        outcome=outcome,
        detail={"events": webhook.events, "environments": webhook.environments, "format": webhook.format},
    )
