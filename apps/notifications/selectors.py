"""Reading webhooks, deliveries and what people want as mail. Who may is decided by the caller."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count, Q, QuerySet

from apps.accounts.models import User
from apps.notifications.models import Delivery, Preference, Webhook


def webhooks() -> QuerySet[Webhook]:
    """All of them by name, each with how many deliveries wait and how many were given up."""
    state = Delivery.State
    return Webhook.objects.order_by("name").annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=state.WAITING)),
        dead=Count("deliveries", filter=Q(deliveries__state=state.DEAD)),
    )


def deliveries(*, state: str = "", webhook: int | None = None, event: str = "") -> QuerySet[Delivery]:
    """Newest first, with what they are about and for whom."""
    found = Delivery.objects.select_related("notification__change", "webhook", "recipient")
    if state:
        found = found.filter(state=state)
    if webhook is not None:
        found = found.filter(webhook_id=webhook)
    if event:
        found = found.filter(notification__event=event)
    return found.order_by("-created_at", "-pk")


def preferences(people: Iterable[User]) -> dict[int, Preference]:
    """By person; the defaults for who never chose."""
    known = {person.pk: Preference(user=person) for person in people}
    kept = Preference.objects.filter(user_id__in=list(known))
    return {**known, **{one.user_id: one for one in kept}}


def preference_of(user: User) -> Preference:
    """What this person wants as mail."""
    return preferences([user])[user.pk]
