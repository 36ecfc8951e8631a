"""Tokens of service accounts: when they hold and when they do not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from apps.simcluster.store import Store
from apps.simcluster.tokens import AUDIENCES, ServiceAccountTokens

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


def _store() -> Store:
    store = Store()
    store.put("serviceaccounts", {"metadata": {"name": "app", "namespace": "shop", "uid": "u-1"}})
    return store


def _issue(tokens: ServiceAccountTokens) -> str:
    return tokens.issue("shop", "app", "u-1", AUDIENCES, 600)[0]


def test_a_token_holds_until_its_time_is_over() -> None:
    clock = Clock()
    tokens = ServiceAccountTokens(_store(), clock)
    token = _issue(tokens)
    account = tokens.account(token)
    assert account is not None
    assert (account.namespace, account.name, account.uid) == ("shop", "app", "u-1")
    clock.time = START + timedelta(seconds=599)
    assert tokens.account(token) is not None
    clock.time = START + timedelta(seconds=600)
    assert tokens.account(token) is None


def test_a_token_does_not_outlive_its_account_nor_pass_to_one_of_the_same_name() -> None:
    store = _store()
    tokens = ServiceAccountTokens(store, Clock())
    token = _issue(tokens)
    store.remove("serviceaccounts", "shop", "app")
    assert tokens.account(token) is None
    store.put("serviceaccounts", {"metadata": {"name": "app", "namespace": "shop", "uid": "u-2"}})
    assert tokens.account(token) is None


def test_texts_that_are_not_signed_by_the_cluster_are_nobodys() -> None:
    store = _store()
    tokens, others = ServiceAccountTokens(store, Clock()), ServiceAccountTokens(store, Clock())
    token = _issue(tokens)
    head, payload, signature = token.split(".")
    for text in (
        "",
        "..",
        "a.b.c",
        "é.é.é",
        f"{head}.{payload}.",
        f"{head}.{payload}x.{signature}",
        "x" * 20_000,
    ):
        assert tokens.account(text) is None, text
    assert others.account(token) is None


def test_a_kept_key_reads_tokens_after_a_restart(tmp_path: Path) -> None:
    store, path = _store(), tmp_path / "service-accounts.key"
    token = _issue(ServiceAccountTokens(store, Clock(), path))
    assert ServiceAccountTokens(store, Clock(), path).account(token) is not None
    assert path.stat().st_mode & 0o077 == 0
