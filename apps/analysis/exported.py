"""Findings, and coverage by day, as plain rows for files, the same from the pages and over REST."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from apps.analysis.models import Finding
from apps.analysis.trend import Counts, Series
from apps.common.exports import csv_file, json_lines_file

FORMATS = ("csv", "jsonl")
HEAD = (
    "code", "severity", "title", "cluster", "kind", "namespace", "name", "path", "opened", "resolved",
    "message", "state", "suppressed_by", "suppressed_reason", "suppressed_until", "remedy", "fingerprint",
    "hostset",
)  # fmt: skip
COVERAGE_HEAD = (
    "day", "environment", "cluster", "namespace", "read", "covered", "expected", "percent", "total",
    "percent_of_total", "by_kind", "not_read", "paused",
)  # fmt: skip
CHUNK = 500


def findings_file(name: str, form: str, found: QuerySet[Finding], today: date) -> StreamingHttpResponse:
    """The findings as `csv` or `jsonl`; `today` decides which suppressions hold."""
    rows = _rows(found, today)
    if form == "jsonl":
        return json_lines_file(name, rows)
    return csv_file(name, HEAD, ([row[column] for column in HEAD] for row in rows))


def coverage_file(name: str, form: str, series: Iterable[Series]) -> StreamingHttpResponse:
    """The days of every series as `csv` or `jsonl`; on a gap the figures are empty."""
    rows = (row for one in series for row in _days(one))
    if form == "jsonl":
        return json_lines_file(name, rows)
    return csv_file(name, COVERAGE_HEAD, (_cells(row) for row in rows))


def _days(series: Series) -> Iterator[dict[str, object]]:
    for one in series.days:
        yield {
            "day": one.day.isoformat(),
            "environment": series.environment,
            "cluster": series.cluster,
            "namespace": series.namespace,
            "read": one.counts is not None,
            **figures_of(one.counts),
            "not_read": list(one.not_read),
            "paused": list(one.paused),
        }


def figures_of(counts: Counts | None) -> dict[str, object]:
    """The figures of a day by name; None each on a gap."""
    names = ("covered", "expected", "percent", "total", "percent_of_total", "by_kind")
    return {name: getattr(counts, name, None) for name in names}


def _cells(row: dict[str, object]) -> list[object]:
    kinds = row["by_kind"]
    plain = {
        "by_kind": ", ".join(f"{kind} {n}" for kind, n in kinds.items()) if isinstance(kinds, dict) else None,
        **{key: ", ".join(map(str, names)) for key, names in row.items() if isinstance(names, list)},
        "read": "yes" if row["read"] else "no",
    }
    cells = [plain.get(column, row[column]) for column in COVERAGE_HEAD]
    return ["" if cell is None else cell for cell in cells]


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
