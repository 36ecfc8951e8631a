"""What a database address becomes: SQLite for one machine, Postgres for an installation."""

from typing import Any

# Writers wait for each other instead of failing, and readers do not wait for writers.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
POSTGRES_CONNECT_SECONDS = 5


def tuned(database: dict[str, Any]) -> dict[str, Any]:
    """`database` as django-environ read it, with what its engine needs to be safe under several processes."""
    if database["ENGINE"].endswith("sqlite3"):
        return database | {"OPTIONS": SQLITE_OPTIONS}
    if database["ENGINE"].endswith("postgresql"):
        options = {"connect_timeout": POSTGRES_CONNECT_SECONDS} | database.get("OPTIONS", {})
        # A request may run on any thread of an ASGI server, so a connection is not kept beyond it.
        return database | {"OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
    return database
