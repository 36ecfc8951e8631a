"""Refusals and failures are in the record, each once, and never with what somebody typed as a secret."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts import tokens
from apps.accounts.models import User
from apps.audit.models import AuditEvent, Outcome
from tests.factories.people import person

pytestmark = pytest.mark.django_db
CANARY = "canary-9f3c-do-not-keep"


def refused() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.exclude(outcome=Outcome.DONE).order_by("seq")
    return [(row.action, row.outcome) for row in rows]


def everything() -> str:
    return json.dumps(list(AuditEvent.objects.values()), default=str)


@pytest.fixture
def priya() -> User:
    cache.clear()
    return User.objects.create_user("priya", password=CANARY)


def test_a_failed_sign_in_is_recorded_without_the_password(priya: User) -> None:
    Client().post("/sign-in/", {"username": "priya", "password": f"{CANARY}-wrong"})
    row = AuditEvent.objects.get()
    assert (row.action, row.outcome, row.object_id, row.via) == (
        "session.sign_in", "failed", "priya", "browser",
    )  # fmt: skip
    assert row.actor == "console", "nobody has proved who they are"
    assert CANARY not in everything()


def test_a_password_typed_as_a_name_is_not_kept(priya: User) -> None:
    Client().post("/sign-in/", {"username": CANARY, "password": "x"})
    assert AuditEvent.objects.get().object_id == ""
    assert CANARY not in everything()


def test_signing_in_and_out_is_recorded(priya: User) -> None:
    client = Client()
    client.post("/sign-in/", {"username": "priya", "password": CANARY})
    client.post("/sign-out/")
    actions = list(AuditEvent.objects.order_by("seq").values_list("action", "actor"))
    assert actions == [("session.sign_in", "priya"), ("session.sign_out", "priya")]
    assert CANARY not in everything()


def test_a_call_beyond_the_scopes_of_a_token_is_recorded() -> None:
    dora = person("dora")
    _, text = tokens.issue(actor=dora, user=dora, name="ci", scopes=["approve"], expires_at=None)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert client.get("/api/v1/audit/").status_code == 403
    assert refused() == [("api.audit", "refused")]
    assert text not in everything()


def test_a_refusal_that_was_recorded_is_recorded_once() -> None:
    client = Client()
    client.force_login(person("victor"))
    assert client.get("/audit/").status_code == 403
    assert refused() == [("permission.view_audit", "refused")]


def test_a_page_that_refuses_by_itself_is_recorded() -> None:
    client = Client()
    client.force_login(person("victor"))
    assert client.get("/clusters/register/").status_code == 403
    assert refused() == [("page.cluster-register", "refused")]


def test_a_dead_token_in_use_is_recorded_once_in_a_while() -> None:
    dora = person("dora")
    token, text = tokens.issue(actor=dora, user=dora, name="ci", scopes=["read"], expires_at=None)
    tokens.revoke(actor=dora, token=token)
    cache.clear()
    for _ in range(3):
        assert tokens.authenticate(text) is None
    assert tokens.authenticate(f"{text}x") is None, "a guess is not recorded"
    assert refused() == [("token.refused", "refused")]
    assert text not in everything()
