"""The hash chain of the audit record: how a row is hashed and how a chain is checked. No database.

hash = SHA-256 over the previous hash and the row's canonical JSON. Whoever changes, removes, adds or
reorders a row breaks the chain at that row; whoever cuts the end off is found by a checkpoint kept
elsewhere (`Head`). Whoever rewrites all of it is found by that checkpoint as well.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
FIELDS = (
    "seq",
    "at",
    "actor_id",
    "actor",
    "via",
    "request_id",
    "action",
    "outcome",
    "object_type",
    "object_id",
    "cluster",
    "summary",
    "detail",
)


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a chain at some moment: what a checkpoint holds."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """`first_bad` is the number of the first row that does not fit, None when all fit. `reason` is
    a sentence. `head` is the last good row."""

    rows: int
    first_bad: int | None
    reason: str
    head: Head

    @property
    def ok(self) -> bool:
        return self.first_bad is None


def digest(prev_hash: str, row: Mapping[str, Any]) -> str:
    """64 hex digits over the previous hash and the row's FIELDS."""
    plain = {name: _plain(row[name]) for name in FIELDS}
    body = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{prev_hash}\n{body}".encode()).hexdigest()


def check(rows: Iterable[Mapping[str, Any]], checkpoints: Iterable[Head] = ()) -> ChainReport:
    """Walks the rows in the order of `seq` and stops at the first that does not fit. `checkpoints` are
    heads noted earlier: each has to be there still."""
    noted: dict[int, set[str]] = defaultdict(set)
    for one in checkpoints:
        noted[one.seq].add(one.hash)
    head, count = Head(0, GENESIS), 0
    for row in rows:
        reason = _fault(row, head)
        if not reason and row["seq"] in noted and noted[row["seq"]] != {row["hash"]}:
            reason = "The row is not the one that the checkpoint names."
        if reason:
            return ChainReport(count, row["seq"], reason, head)
        head = Head(row["seq"], row["hash"])
        count += 1
    last = max(noted, default=0)
    if last > head.seq:
        text = f"The record ends at row {head.seq}, but a checkpoint knows row {last}."
        return ChainReport(count, head.seq + 1, text, head)
    return ChainReport(count, None, f"All {count} rows fit.", head)


def _fault(row: Mapping[str, Any], head: Head) -> str:
    if row["seq"] != head.seq + 1:
        return f"Row {head.seq + 1} is missing: row {row['seq']} follows row {head.seq}."
    if row["prev_hash"] != head.hash:
        return "The row does not name the hash of the row before it."
    if row["hash"] != digest(head.hash, row):
        return "The row's content does not give its hash: it was changed after it was written."
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value
