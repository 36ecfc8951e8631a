"""API tokens: shown once, kept as a digest, ended by time, by hand and with their user."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from apps.accounts.models import ApiToken
from apps.accounts.permissions import Permission
from apps.accounts.selectors import tokens_of
from apps.accounts.tokens import authenticate, issue, revoke, scope_allows
from apps.audit.models import AuditEvent
from apps.common.clock import now
from apps.common.errors import InvalidInputError, PermissionDeniedError
from tests.factories.people import person

pytestmark = pytest.mark.django_db


def test_a_token_signs_in_and_is_not_kept() -> None:
    alice = person("alice")
    token, plaintext = issue(actor=alice, user=alice, name="ci", scopes=["read"], expires_at=None)
    found = authenticate(plaintext)
    assert found == token
    assert found is not None
    assert found.user == alice
    kept = str(list(ApiToken.objects.values())) + str(list(AuditEvent.objects.values()))
    assert plaintext not in kept
    assert plaintext.split("_", 2)[2] not in kept


def test_near_misses_do_not_sign_in() -> None:
    alice = person("alice")
    _, plaintext = issue(actor=alice, user=alice, name="ci", scopes=["read"], expires_at=None)
    last = "A" if plaintext[-1] != "A" else "B"
    for wrong in (
        "",
        "mct",
        plaintext[:-1],
        plaintext[:-1] + last,
        plaintext + "x",
        plaintext.upper(),
        "x_y_z",
    ):
        assert authenticate(wrong) is None, wrong


def test_an_expired_token_does_not_sign_in() -> None:
    alice = person("alice")
    end = now() + timedelta(hours=1)
    _, plaintext = issue(actor=alice, user=alice, name="ci", scopes=["read"], expires_at=end)
    assert authenticate(plaintext)
    with time_machine.travel(end + timedelta(seconds=1)):
        assert authenticate(plaintext) is None


def test_a_revoked_token_and_a_token_of_a_closed_account_do_not_sign_in() -> None:
    alice = person("alice")
    token, plaintext = issue(actor=alice, user=alice, name="ci", scopes=["read"], expires_at=None)
    alice.is_active = False
    alice.save()
    assert authenticate(plaintext) is None
    alice.is_active = True
    alice.save()
    revoke(actor=alice, token=token)
    revoke(actor=alice, token=token)
    assert authenticate(plaintext) is None
    assert AuditEvent.objects.filter(action="token.revoke").count() == 1


def test_others_tokens_are_for_administrators() -> None:
    alice, dora = person("alice"), person("dora")
    token, _ = issue(actor=dora, user=alice, name="ci", scopes=["read"], expires_at=None)
    with pytest.raises(PermissionDeniedError):
        issue(actor=alice, user=dora, name="ci", scopes=["read"], expires_at=None)
    with pytest.raises(PermissionDeniedError):
        revoke(actor=person("bob"), token=token)
    assert list(tokens_of(alice)) == [token]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["everything"]}),
        ("name", {"name": " "}),
        ("name", {"name": "x" * 101}),
        ("expires_at", {"expires_at": now() - timedelta(seconds=1)}),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_field(field: str, change: dict[str, object]) -> None:
    alice = person("alice")
    wanted: dict[str, object] = {"name": "ci", "scopes": ["read"], "expires_at": None, **change}
    with pytest.raises(InvalidInputError) as caught:
        issue(actor=alice, user=alice, **wanted)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_scopes_limit_what_a_token_may() -> None:
    alice = person("alice")
    token, _ = issue(actor=alice, user=alice, name="ci", scopes=["read", "propose"], expires_at=None)
    allowed = {permission for permission in Permission if scope_allows(token, permission)}
    assert allowed == {Permission.VIEW, Permission.VIEW_AUDIT, Permission.PROPOSE}


def test_the_time_of_use_is_written_at_most_once_a_minute() -> None:
    alice = person("alice")
    _, plaintext = issue(actor=alice, user=alice, name="ci", scopes=["read"], expires_at=None)
    authenticate(plaintext)
    first = ApiToken.objects.get().last_used_at
    authenticate(plaintext)
    assert first is not None
    assert ApiToken.objects.get().last_used_at == first
