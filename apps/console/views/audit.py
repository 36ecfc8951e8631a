"""The audit record: a sentence a row, filters, export, and the state of the chain."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, require
from apps.audit import actions, selectors
from apps.audit.models import AuditEvent, Outcome
from apps.common.exports import csv_file
from apps.console import facets, tables
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in

COLUMNS = (
    tables.Column("What"),
    tables.Column("Who"),
    tables.Column("When"),
    tables.Column("Outcome"),
    tables.Column("Cluster"),
    tables.Column("Action"),
    tables.Column("Chain", "", "num"),
)
CSV_HEAD = (
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
LONGEST_EXPORT = 100_000


@signed_in
def audit(request: SignedInRequest) -> HttpResponseBase:
    """Newest first; only for those whose roles let them read the record."""
    require(request.user, Permission.VIEW_AUDIT)
    chosen = {name: facets.typed(request, name) for name in ("actor", "action", "outcome", "cluster")}
    text = facets.typed(request)
    found = selectors.events(
        text=text,
        actor=chosen["actor"],
        action=chosen["action"],
        outcome=chosen["outcome"],
        cluster=chosen["cluster"],
    )
    if request.GET.get("format") == "csv":
        return csv_file("audit", CSV_HEAD, _csv_rows(found))
    head = selectors.head()
    context = {
        "listing": tables.listing(request, found, columns=COLUMNS, what="events"),
        "text": text,
        "chosen": chosen,
        "outcomes": Outcome.choices,
        "filtered": bool(text or any(chosen.values())),
        "head": head,
        "export_url": tables.query(request, format="csv", page=None),
    }
    return page_or_fragment(request, "console/audit/page.html", "console/audit/_results.html", context)


@require_POST
@signed_in
def verify(request: SignedInRequest) -> HttpResponse:
    """Walks the whole chain now and says whether it holds."""
    require(request.user, Permission.VIEW_AUDIT)
    report = actions.verify()
    if report.ok:
        messages.success(
            request, f"The chain holds: {report.rows} rows were checked, up to {report.head.hash[:16]}…"
        )
    else:
        messages.error(request, f"The chain is broken at row {report.first_bad}: {report.reason}")
    return redirect("console:audit")


def _csv_rows(found: QuerySet[AuditEvent]) -> Iterator[tuple[object, ...]]:
    for row in found[:LONGEST_EXPORT].iterator(chunk_size=500):
        yield (
            row.seq, row.at.isoformat(), row.actor, row.via, row.action, row.outcome,
            f"{row.object_type} {row.object_id}".strip(), row.cluster, row.summary, row.request_id, row.hash,
        )  # fmt: skip
