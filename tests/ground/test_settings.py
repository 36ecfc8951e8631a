"""Production refuses to start without what it needs, and the environment alone moves the data elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPLETE = {
    "DJANGO_SETTINGS_MODULE": "meshconsole.settings.production",
    "DJANGO_SECRET_KEY": "k" * 50,
    "DATABASE_URL": "postgres://meshconsole:pw@db:5432/meshconsole",
    "REDIS_URL": "redis://redis:6379/0",
    "ALLOWED_HOSTS": "console.example",
    "MESHCONSOLE_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
SHOW = """
import json
from django.conf import settings
print(json.dumps([settings.DATABASES["default"]["ENGINE"], settings.CELERY_BROKER_URL, settings.DEBUG]))
"""


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process that has nothing but `environment`."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env=bare | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def refusal(environment: dict[str, str]) -> str:
    done = start(environment)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", [name for name in COMPLETE if name != "DJANGO_SETTINGS_MODULE"])
def test_production_names_what_is_missing(name: str) -> None:
    assert f"Set {name}" in refusal({key: value for key, value in COMPLETE.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DJANGO_SECRET_KEY", "short", "shorter than 32 characters"),
        ("DATABASE_URL", "sqlite:////tmp/db.sqlite3", "has to name a Postgres"),
        ("MESHCONSOLE_ENCRYPTION_KEYS", "not-a-key", "key 1 is not a Fernet key"),
    ],
)
def test_production_refuses_what_is_unsafe(name: str, value: str, sentence: str) -> None:
    said = refusal(COMPLETE | {name: value})
    assert sentence in said
    assert value not in said.removeprefix("django.core.exceptions.ImproperlyConfigured: ").replace(
        sentence, ""
    )


def test_production_starts_with_postgres_and_redis() -> None:
    done = start(COMPLETE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["django.db.backends.postgresql", "redis://redis:6379/0", False]


def test_without_an_environment_everything_is_below_the_state_directory(tmp_path: Path) -> None:
    done = start(
        {"DJANGO_SETTINGS_MODULE": "meshconsole.settings.local", "MESHCONSOLE_STATE_DIR": str(tmp_path)}
    )
    engine, broker, debug = json.loads(done.stdout)
    assert engine == "django.db.backends.sqlite3"
    assert broker == f"redis+socket://{tmp_path}/valkey/valkey.sock?virtual_host=0"
    assert debug is False


def test_the_local_settings_move_to_postgres_and_redis_by_environment() -> None:
    moved = {name: COMPLETE[name] for name in ("DATABASE_URL", "REDIS_URL")}
    done = start({"DJANGO_SETTINGS_MODULE": "meshconsole.settings.local"} | moved)
    assert json.loads(done.stdout)[:2] == ["django.db.backends.postgresql", "redis://redis:6379/0"]
