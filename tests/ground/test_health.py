"""The probes answer anybody, before sign-in and host names, and say which part fails."""

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from meshconsole import health


def test_a_process_that_lives_says_so_to_any_host_name(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["console.example"]
    answer = client.get("/healthz", headers={"host": "10.0.0.7"})
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_a_probe_is_not_sent_to_https(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_a_console_without_its_broker_is_not_ready(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock?db=0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "database": "ok", "broker": "failing"}


@pytest.mark.django_db
def test_a_console_with_database_and_broker_is_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "broker_answers", lambda: True)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
