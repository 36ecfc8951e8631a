"""What a webhook keeps secret: encrypted, bound to its row, under the newest key after a rotation."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.clusters.secrets import SecretUnreadableError, current_key
from apps.notifications import deliver, sealed, spread
from apps.notifications.events import Event
from apps.notifications.models import Delivery, Webhook
from apps.notifications.notify import notify
from apps.notifications.sealed import Sealed
from tests.notifications.conftest import SECRET

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept() -> Webhook:
    webhook = Webhook.objects.create(name="ops", origin="https://x.example", ciphertext="", events=["policy"])
    webhook.ciphertext = sealed.seal(webhook.pk, Sealed("https://x.example/path", SECRET))
    webhook.save()
    return webhook


def test_it_is_not_readable_in_the_row_nor_in_a_trace(kept: Webhook) -> None:
    assert SECRET not in kept.ciphertext
    assert SECRET not in repr(sealed.unseal(kept))
    assert sealed.unseal(kept) == Sealed("https://x.example/path", SECRET)


def test_a_ciphertext_that_was_moved_to_another_row_is_refused(kept: Webhook) -> None:
    other = Webhook.objects.create(name="other", origin="", ciphertext=kept.ciphertext, events=["policy"])
    with pytest.raises(SecretUnreadableError):
        sealed.unseal(other)


def test_keys_are_rotated_and_the_old_one_can_go(kept: Webhook, settings: Settings) -> None:
    new = Fernet.generate_key().decode()
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [new, *settings.MESHCONSOLE_ENCRYPTION_KEYS]
    out = StringIO()
    call_command("rotate_webhooks", stdout=out)
    call_command("rotate_webhooks", stdout=out)
    assert out.getvalue().split("\n")[:2] == [
        "1 webhooks were encrypted anew.", "0 webhooks were encrypted anew.",
    ]  # fmt: skip
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [new]
    kept.refresh_from_db()
    assert current_key(kept.ciphertext)
    assert sealed.unseal(kept).secret == SECRET


def test_without_the_key_a_delivery_fails_and_says_what_to_do(kept: Webhook, settings: Settings) -> None:
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError):
        call_command("rotate_webhooks")
    notify(Event.POLICY)
    spread.spread_waiting()
    deliver.deliver_due()
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "Give it again" in row.said
