"""Webhooks, deliveries and mail preferences as an administrator and everybody else see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.common.clock import now
from apps.notifications.actions import make_webhook
from apps.notifications.events import Event
from apps.notifications.models import Delivery, Preference, Webhook
from apps.notifications.notify import notify
from apps.notifications.sealed import unseal
from tests.factories.certificates import ca_pem
from tests.factories.people import person
from tests.notifications.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
SECRET = "canary-of-the-signing-secret"


@pytest.fixture
def receiver(settings: Settings, tmp_path: Path) -> Iterator[Receiver]:
    (tmp_path / "ca.pem").write_text(ca_pem())
    settings.MESHCONSOLE_WEBHOOK_CA = str(tmp_path / "ca.pem")
    with receiving(SECRET, tmp_path) as one:
        yield one


@pytest.fixture
def dora(db: None) -> User:
    return person("dora")


@pytest.fixture
def webhook(receiver: Receiver, dora: User) -> Webhook:
    return make_webhook(actor=dora, name="ops", url=receiver.url, secret=SECRET, events=["failed"])


def typed(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {
        "name": "ops", "url": receiver.url, "secret": SECRET, "format": "json", "events": ["failed"], **more,
    }  # fmt: skip


def test_a_webhook_is_made_changed_tested_disabled_and_removed(
    receiver: Receiver, dora: User, as_: As
) -> None:
    client = as_(dora)
    answer = client.post("/webhooks/new/", typed(receiver), follow=True)
    made = Webhook.objects.get()
    page = answer.content.decode()
    assert made.origin in page
    assert SECRET not in page
    assert "s3cr3t-path" not in page

    said = client.post(f"/webhooks/{made.pk}/test/", follow=True).content.decode()
    assert "HTTP 204" in said
    assert receiver.got[0].genuine
    assert receiver.got[0].document["event"] == "test"

    changed = typed(receiver, name="ops-2", url="", secret="")
    client.post(f"/webhooks/{made.pk}/", changed)
    made.refresh_from_db()
    assert (made.name, made.enabled) == ("ops-2", False)
    assert (unseal(made).url, unseal(made).secret) == (receiver.url, SECRET), "empty means: as it was"

    client.post(f"/webhooks/{made.pk}/remove/")
    assert not Webhook.objects.exists()
    done = list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
    assert done == ["webhook.make", "webhook.test", "webhook.edit", "webhook.remove"]
    rows = str(list(AuditEvent.objects.values()))
    assert SECRET not in rows
    assert "s3cr3t-path" not in rows


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("url", "http://example.com/", "Only https"),
        ("url", "https://169.254.169.254/", "metadata"),
        ("secret", "short", "16 to 200"),
        ("events", [], "required"),
        ("name", " ", "required"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(
    field: str, value: Any, said: str, receiver: Receiver, dora: User, as_: As
) -> None:
    answer = as_(dora).post("/webhooks/new/", typed(receiver, **{field: value}))
    assert answer.status_code == 400
    page = answer.content.decode()
    assert said in page
    assert SECRET not in page
    assert not Webhook.objects.exists()


def test_a_test_that_is_refused_says_so(receiver: Receiver, webhook: Webhook, dora: User, as_: As) -> None:
    receiver.answers, receiver.says = [418], b"<script>teapot</script>"
    page = as_(dora).post(f"/webhooks/{webhook.pk}/test/", follow=True).content.decode()
    assert "HTTP 418" in page
    assert "<script>teapot" not in page
    assert Delivery.objects.get().state == "dead", "a test is not tried again"


def test_a_dead_delivery_is_shown_and_sent_again(webhook: Webhook, dora: User, as_: As) -> None:
    row = Delivery.objects.create(
        notification=notify(Event.POLICY), webhook=webhook, state="dead", attempts=8, status=500,
        created_at=now(), next_at=now(),
    )  # fmt: skip
    client = as_(dora)
    assert "Given up" in client.get("/deliveries/?state=dead").content.decode()
    client.post(f"/deliveries/{row.pk}/redeliver/")
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("waiting", 0)
    assert client.post(f"/deliveries/{row.pk}/redeliver/").status_code == 409


def test_pages_cost_the_same_for_one_and_for_many(webhook: Webhook, dora: User, as_: As) -> None:
    client = as_(dora)
    paths = ("/webhooks/", f"/webhooks/{webhook.pk}/", "/deliveries/")
    costs = []
    for number in range(3):
        Webhook.objects.create(
            name=f"w{number}", origin="https://x.example", ciphertext="", events=["failed"]
        )
        Delivery.objects.create(
            notification=notify(Event.POLICY), webhook=webhook, created_at=now(), next_at=now()
        )
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200
            found.append(len(queries))
        costs.append(tuple(found))
    assert len(set(costs)) == 1
    assert max(costs[0]) <= 10


def test_everybody_chooses_their_own_mail(as_: As) -> None:
    victor = person("victor")
    client = as_(victor)
    page = client.get("/profile/").content.decode()
    assert 'name="to_decide" id="id_to_decide" checked' in page.replace('class="" ', "")
    client.post("/profile/", {"trouble": "on"})
    row = Preference.objects.get()
    assert (row.user, row.to_decide, row.mine, row.trouble) == (victor, False, False, True)


def test_an_operator_of_one_environment_administers_no_webhook(webhook: Webhook, as_: As) -> None:
    some = person("some", "administrator", environment="staging")
    assert as_(some).get("/webhooks/").status_code == 403
    assert as_(some).post(f"/webhooks/{webhook.pk}/remove/").status_code == 403
    assert Webhook.objects.exists()
