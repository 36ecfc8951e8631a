"""The running product, with a short lease so that dead workers are missed soon.

With MESHCONSOLE_FAULTS=all it runs on a Postgres of its own, which can be restarted, and the whole matrix
of crashes is tried.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bin.launcher.stack import Stack
from bin.postgres import TemporaryPostgres
from bin.rest_walkthrough import PEOPLE, Person
from tests.faults.table import ROWS

LEASE_SECONDS = 4
EVERYTHING = os.environ.get("MESHCONSOLE_FAULTS") == "all"


@pytest.fixture(scope="session")
def armed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in here that is called like a point of an apply kills the next worker that reaches it."""
    return tmp_path_factory.mktemp("armed")


@pytest.fixture(scope="session")
def database() -> Iterator[TemporaryPostgres | None]:
    """The Postgres below the stack; None for SQLite."""
    with ExitStack() as open_things:
        yield open_things.enter_context(TemporaryPostgres()) if EVERYTHING else None


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, armed: Path, database: TemporaryPostgres | None
) -> Iterator[Stack]:
    environment = {"MESHCONSOLE_LEASE_SECONDS": str(LEASE_SECONDS), "MESHCONSOLE_CRASH_AT": str(armed)}
    if database is not None:
        environment["DATABASE_URL"] = database.url
    with Stack(tmp_path_factory.mktemp("faults"), environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def people(stack: Stack) -> dict[str, Person]:
    passwords = {login.username: login.password for login in stack.logins}
    return {name: Person(stack.url, name, passwords[name], scopes) for name, scopes in PEOPLE.items()}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was tried and how it ended."""
    if ROWS:
        terminalreporter.section("crashes")
        for row in ROWS:
            terminalreporter.write_line(row)
