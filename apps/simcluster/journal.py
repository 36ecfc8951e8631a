"""A cluster's objects on disk: one SQLite file, one transaction a write, so that kill -9 loses nothing
answered.

It stores bytes under (resource, key) and the last resource version. It knows nothing of what the bytes say.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (resource TEXT, key TEXT, body BLOB, PRIMARY KEY (resource, key)) WITHOUT
ROWID;
CREATE TABLE IF NOT EXISTS revision (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A row to write; `body` None removes it."""

    resource: str
    key: str
    body: bytes | None


class Journal:
    """Durable storage of one cluster. Calls must be serialised by the caller (the store's lock does)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)

    def revision(self) -> int:
        row = self._connection.execute("SELECT value FROM revision WHERE id = 1").fetchone()
        return int(row[0]) if row else 0

    def rows(self) -> Iterator[tuple[str, str, bytes]]:
        yield from self._connection.execute("SELECT resource, key, body FROM objects ORDER BY resource, key")

    def write(self, changes: Sequence[Change], revision: int) -> None:
        """Commit all changes and the revision together."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for change in changes:
                if change.body is None:
                    self._connection.execute(
                        "DELETE FROM objects WHERE resource = ? AND key = ?", (change.resource, change.key)
                    )
                else:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?)",
                        (change.resource, change.key, change.body),
                    )
            self._connection.execute("INSERT OR REPLACE INTO revision VALUES (1, ?)", (revision,))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()
