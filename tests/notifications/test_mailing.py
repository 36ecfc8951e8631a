"""Who is mailed about what, and what a mail server can and cannot do to us."""

from __future__ import annotations

import pytest
from django.core import mail
from pytest_django import Settings

from apps.accounts.models import User
from apps.changes.actions.reject import reject
from apps.changes.models import ChangeEvent
from apps.changes.selectors import current_revision
from apps.common.clock import now
from apps.notifications.actions import choose_mail
from apps.notifications.models import Delivery, Notification
from apps.notifications.sweep import sweep
from tests.factories.shop import Shop, decide, fresh

pytestmark = pytest.mark.django_db(transaction=True)


def swept() -> None:
    assert sweep() is not None


def people_mailed() -> list[tuple[str, ...]]:
    return sorted(tuple(one.to) for one in mail.outbox)


def give_addresses() -> None:
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.com")


def test_those_who_may_decide_are_mailed_and_then_the_author(shop: Shop) -> None:
    give_addresses()
    change = shop.pending()
    swept()
    assert people_mailed() == [("noor@example.com",), ("sam@example.com",)]
    message = mail.outbox[0]
    assert message.subject == f"{change.number} waits for approval: Open the token service"
    assert f"/changes/{change.pk}/" in message.body
    mail.outbox.clear()
    revision = current_revision(change)
    reject(
        actor=shop.sam, change=fresh(change), revision=revision.number, digest=revision.digest, comment="No."
    )
    swept()
    assert people_mailed() == [("priya@example.com",)]
    assert "No." not in mail.outbox[0].body


def test_a_person_can_do_without_mail(shop: Shop) -> None:
    give_addresses()
    choose_mail(actor=shop.sam, to_decide=False, mine=True, trouble=False)
    shop.pending()
    swept()
    assert people_mailed() == [("noor@example.com",)]


def test_trouble_reaches_operators_who_ask_for_it(shop: Shop) -> None:
    give_addresses()
    choose_mail(actor=shop.omar, to_decide=True, mine=True, trouble=True)
    change = shop.queued()
    ChangeEvent.objects.create(change=change, at=now(), actor="console", kind="give_up", text="x")
    swept()
    subjects = {one.subject.split(":")[0]: one.to for one in mail.outbox if "attention" in one.subject}
    assert f"{change.number} needs attention" in subjects
    mailed = {one.to[0] for one in mail.outbox if "attention" in one.subject}
    assert mailed == {"omar@example.com", "priya@example.com"}


def test_a_title_with_a_line_break_forges_no_header(shop: Shop) -> None:
    give_addresses()
    shop.pending(title="Open\r\nBcc: eve@example.com")
    swept()
    assert mail.outbox
    assert "\n" not in mail.outbox[0].subject


def test_without_a_mail_server_nobody_is_mailed(shop: Shop, settings: Settings) -> None:
    give_addresses()
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    shop.pending()
    swept()
    assert Delivery.objects.count() == 0


def test_a_mail_server_that_does_not_answer_costs_a_try(shop: Shop, settings: Settings) -> None:
    give_addresses()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    shop.pending()
    swept()
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 1]
    assert decide(shop.sam, Notification.objects.get().change).state  # type: ignore[arg-type]
