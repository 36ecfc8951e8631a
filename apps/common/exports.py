"""Rows as files: CSV that a spreadsheet opens without running anything in it, and JSON lines for scripts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.http import StreamingHttpResponse

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, value: str) -> str:
        return value


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Streams rows as `csv_lines` writes them."""
    return _file(f"{name}.csv", "text/csv; charset=utf-8", csv_lines(head, rows))


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    writer = csv.writer(_Echo())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([_harmless(cell) for cell in row])


def json_lines_file(name: str, rows: Iterable[Mapping[str, object]]) -> StreamingHttpResponse:
    """Streams rows as `json_lines` writes them."""
    return _file(f"{name}.jsonl", "application/jsonl; charset=utf-8", json_lines(rows))


def json_lines(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """One JSON object a line."""
    return (f"{json.dumps(row, ensure_ascii=False, default=str)}\n" for row in rows)


def _file(name: str, content_type: str, lines: Iterable[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _harmless(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
