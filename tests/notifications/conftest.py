"""The shop, a receiver on loopback, and a webhook to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.notifications.actions import make_webhook
from apps.notifications.events import CHOICES
from apps.notifications.models import Webhook
from tests.factories.certificates import ca_pem
from tests.factories.people import person
from tests.factories.shop import shop
from tests.notifications.receiver import Receiver, receiving

__all__ = ["shop"]
SECRET = "canary-of-the-signing-secret"
ALL_EVENTS = [value for value, _ in CHOICES]


@pytest.fixture
def trusting(settings: Settings, tmp_path: Path) -> Settings:
    """An installation that trusts the test's own authority, and says where it answers."""
    path = tmp_path / "ca.pem"
    path.write_text(ca_pem())
    settings.MESHCONSOLE_WEBHOOK_CA = str(path)
    settings.MESHCONSOLE_URL = "https://console.example"
    return settings


@pytest.fixture
def receiver(trusting: Settings, tmp_path: Path) -> Iterator[Receiver]:
    with receiving(SECRET, tmp_path) as one:
        yield one


@pytest.fixture
def dora(db: None) -> User:
    """Administers."""
    return person("dora")


@pytest.fixture
def webhook(receiver: Receiver, dora: User) -> Webhook:
    return make_webhook(actor=dora, name="ops", url=receiver.url, secret=SECRET, events=ALL_EVENTS)
