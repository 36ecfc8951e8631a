"""Findings as plain rows for files, the same from the pages and over REST."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from apps.analysis.models import Finding
from apps.common.exports import csv_file, json_lines_file

FORMATS = ("csv", "jsonl")
HEAD = (
    "code", "severity", "title", "cluster", "kind", "namespace", "name", "path", "opened", "resolved",
    "message", "state", "suppressed_by", "suppressed_reason", "suppressed_until", "remedy", "fingerprint",
    "hostset",
)  # fmt: skip
CHUNK = 500


def findings_file(name: str, form: str, found: QuerySet[Finding], today: date) -> StreamingHttpResponse:
    """The findings as `csv` or `jsonl`; `today` decides which suppressions hold."""
    rows = _rows(found, today)
    if form == "jsonl":
        return json_lines_file(name, rows)
    return csv_file(name, HEAD, ([row[column] for column in HEAD] for row in rows))


def _rows(found: QuerySet[Finding], today: date) -> Iterator[dict[str, object]]:
    for one in found.iterator(chunk_size=CHUNK):
        suppressed = one.is_suppressed(today)
        until = one.suppressed_until
        yield {
            "code": one.code,
            "severity": one.severity,
            "title": one.title,
            "cluster": one.cluster.name,
            "kind": one.kind,
            "namespace": one.namespace,
            "name": one.name,
            "path": one.path,
            "opened": one.opened_at.isoformat(),
            "resolved": one.resolved_at.isoformat() if one.resolved_at else "",
            "message": one.message,
            "state": one.state(today),
            "suppressed_by": one.suppressed_by if suppressed else "",
            "suppressed_reason": one.suppressed_reason if suppressed else "",
            "suppressed_until": until.isoformat() if suppressed and until else "",
            "remedy": one.remedy,
            "fingerprint": one.fingerprint,
            "hostset": one.hostset,
            "references": one.references,
            "affected": one.affected,
        }
