"""The record as a file: CSV for people, JSON lines with all that a second verifier needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from apps.audit import chain
from apps.audit.models import AuditEvent
from apps.common.exports import csv_file, csv_lines, json_lines, json_lines_file

FORMATS = ("csv", "jsonl")
LONGEST = 100_000  # rows in one answer of the web; the command writes them all
CHUNK = 500
HEAD = (
    "number",
    "at",
    "actor",
    "via",
    "action",
    "outcome",
    "object",
    "cluster",
    "summary",
    "request",
    "hash",
)


def audit_file(form: str, found: QuerySet[AuditEvent]) -> StreamingHttpResponse:
    """The rows, at most LONGEST of them, in one of FORMATS."""
    if form == "jsonl":
        return json_lines_file("audit", _objects(found[:LONGEST]))
    return csv_file("audit", HEAD, _cells(found[:LONGEST]))


def audit_lines(form: str, found: QuerySet[AuditEvent]) -> Iterator[str]:
    """All the rows, line by line."""
    return json_lines(_objects(found)) if form == "jsonl" else csv_lines(HEAD, _cells(found))


def _cells(found: QuerySet[AuditEvent]) -> Iterator[tuple[object, ...]]:
    for row in found.iterator(chunk_size=CHUNK):
        yield (
            row.seq, row.at.isoformat(), row.actor, row.via, row.action, row.outcome,
            f"{row.object_type} {row.object_id}".strip(), row.cluster, row.summary, row.request_id, row.hash,
        )  # fmt: skip


def _objects(found: QuerySet[AuditEvent]) -> Iterator[dict[str, Any]]:
    for row in found.iterator(chunk_size=CHUNK):
        fields = {name: getattr(row, name) for name in chain.FIELDS}
        fields["at"] = row.at.astimezone(UTC).isoformat(timespec="microseconds")
        yield {**fields, "prev_hash": row.prev_hash, "hash": row.hash}
