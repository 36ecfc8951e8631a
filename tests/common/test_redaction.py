"""The last net: what looks like a secret does not leave in a record or a log line."""

from __future__ import annotations

import gc

import pytest

from apps.common import collector, redaction

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [f"token {JWT} end", f"Authorization: Bearer {'a' * 20}", f"x {KEY} y", "mct_0123456789_abcdefghijkl"],
)
def test_secrets_are_taken_out_of_texts(text: str) -> None:
    cleaned = redaction.text(text)
    assert redaction.REMOVED in cleaned
    assert not [part for part in (JWT, "a" * 20, "MHcCAQEE", "abcdefghijkl") if part in cleaned]


@pytest.mark.parametrize(
    "key", ["token", "api_token", "password", "client-key-data", "Authorization", "secret", "x.private_key"]
)
def test_values_are_taken_out_by_the_name_of_their_key(key: str) -> None:
    assert redaction.value({key: "plain", "other": [{key: "plain"}]}) == {
        key: redaction.REMOVED,
        "other": [{key: redaction.REMOVED}],
    }


@pytest.mark.parametrize("key", ["tokens_issued", "secretary", "kind", "fingerprint", "password_hint"])
def test_other_keys_stay(key: str) -> None:
    assert redaction.value({key: "plain", "n": 1, "none": None}) == {key: "plain", "n": 1, "none": None}


def test_the_collector_is_as_before_after_a_pause() -> None:
    assert gc.isenabled()
    with collector.paused(), collector.paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector.paused():
        raise ZeroDivisionError
    assert gc.isenabled()
