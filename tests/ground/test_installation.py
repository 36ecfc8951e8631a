"""The Dockerfile, the compose file, the example environment and the page about it agree with the code."""

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "web", "worker", "beat")
READ = re.compile(r"env\.[a-z]+\(\s*\"([A-Z_]+)\"")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def names_in(example: str) -> dict[str, str]:
    lines = (ROOT / "docs" / "operations" / example).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def read_by_the_settings() -> set[str]:
    return {
        name
        for path in (ROOT / "meshconsole" / "settings").glob("*.py")
        for name in READ.findall(path.read_text(encoding="utf-8"))
    }


def command(service: str) -> list[str]:
    words: list[str] = COMPOSE["services"][service]["command"]
    return words


def test_the_services_are_those_of_an_installation() -> None:
    assert set(COMPOSE["services"]) == {*OURS, "postgres", "redis"}
    assert {COMPOSE["services"][name]["image"] for name in OURS} == {
        "meshconsole:${MESHCONSOLE_VERSION:-latest}"
    }


@pytest.mark.parametrize("service", OURS)
def test_what_a_service_runs_exists(service: str) -> None:
    words = command(service)
    if words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2])
        module, _, attribute = words[3].partition(":")
        assert hasattr(importlib.import_module(module), attribute)
    elif words[:2] == ["python", "manage.py"]:
        assert words[2] in get_commands()
    else:
        assert words[:2] == ["celery", "--app=meshconsole"]
        assert shutil.which("celery", path=str(ROOT / ".venv" / "bin"))


@pytest.mark.parametrize("service", ["web", "worker", "beat", "postgres", "redis"])
def test_whatever_keeps_running_is_asked_whether_it_is_well(service: str) -> None:
    assert COMPOSE["services"][service]["healthcheck"]["test"]


@pytest.mark.parametrize("service", ["web", "worker", "beat"])
def test_nothing_starts_before_the_migration_is_done(service: str) -> None:
    waits = COMPOSE["services"][service]["depends_on"]
    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert waits["redis"] == {"condition": "service_healthy"}


def test_the_worker_takes_from_every_queue_that_tasks_are_sent_to() -> None:
    settings = (ROOT / "meshconsole" / "settings" / "base.py").read_text(encoding="utf-8")
    sent = set(re.findall(r"\"queue\": \"([a-z]+)\"", settings)) | {"default"}
    queues = next(word for word in command("worker") if word.startswith("--queues="))
    assert set(queues.removeprefix("--queues=").split(",")) == sent


def test_secrets_come_from_files_that_git_ignores() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    files = {file for service in COMPOSE["services"].values() for file in service.get("env_file", [])}
    assert files == {"console.env", "postgres.env"}
    assert files <= set(ignored)
    assert not any("environment" in service for service in COMPOSE["services"].values())


def test_the_example_has_every_required_variable_and_none_that_is_not_read() -> None:
    example = names_in("console.env.example")
    required = set(
        re.findall(r"\"([A-Z_]+)\"", _required_line(ROOT / "meshconsole" / "settings" / "production.py"))
    )
    assert required <= set(example)
    assert set(example) <= read_by_the_settings() | {"FORWARDED_ALLOW_IPS"}  # uvicorn's own
    assert example["DJANGO_SECRET_KEY"] == example["MESHCONSOLE_ENCRYPTION_KEYS"] == ""


def _required_line(path: Path) -> str:
    source = path.read_text(encoding="utf-8")
    return source[source.index("for name in (") : source.index("):", source.index("for name in ("))]


def test_the_page_about_the_environment_names_exactly_what_is_read() -> None:
    page = (ROOT / "docs" / "operations" / "environment.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    assert rows == read_by_the_settings()


def test_the_image_copies_only_what_exists_and_runs_without_root() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert [part for line in copied for part in line.split() if not (ROOT / part).exists()] == []
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"


def test_the_image_lets_in_only_what_it_copies() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert allowed == {part for line in copied for part in line.split()}


def test_no_lock_names_a_host() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert locks
    assert [lock.name for lock in locks if re.search(r"https?://|^--", lock.read_text(), re.MULTILINE)] == []


def test_every_line_of_a_lock_has_a_hash() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9._-]+(?:\[[a-z,]+\])?==", text, re.MULTILINE | re.IGNORECASE)
        with_hash = re.findall(r"^[^\s#].* \\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(pinned) == len(with_hash) > 0, lock.name
