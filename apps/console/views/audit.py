"""The audit record: a sentence a row, filters, export, and the state of the chain."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission, require
from apps.audit import actions, selectors
from apps.audit.checkpoints import as_line
from apps.audit.exported import FORMATS, audit_file
from apps.audit.models import Outcome
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
FILTERS = ("actor", "action", "outcome", "cluster", "object_id")


@signed_in
def audit(request: SignedInRequest) -> HttpResponseBase:
    """Newest first; only for those whose roles let them read the record."""
    require(request.user, Permission.VIEW_AUDIT)
    chosen = {name: facets.typed(request, name) for name in FILTERS}
    days = {name: facets.typed(request, name) for name in ("since", "until")}
    text = facets.typed(request)
    found = selectors.events(
        text=text, since=_day(request, "since"), until=_day(request, "until", days=1), **chosen
    )
    if request.GET.get("format") in FORMATS:
        return audit_file(request.GET["format"], found)
    context = {
        "listing": tables.listing(request, found, columns=COLUMNS, what="events"),
        "text": text,
        "chosen": {**chosen, **days},
        "outcomes": Outcome.choices,
        "filtered": bool(text or any(chosen.values()) or any(days.values())),
        "head": selectors.head(),
        "checkpoint": selectors.last_checkpoint(),
        "exports": [(form, tables.query(request, format=form, page=None)) for form in FORMATS],
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


@signed_in
def checkpoints(request: SignedInRequest) -> HttpResponse:
    """Every signed head as lines of JSON, to be kept somewhere else."""
    require(request.user, Permission.VIEW_AUDIT)
    lines = "".join(f"{as_line(one)}\n" for one in selectors.checkpoints())
    headers = {"Content-Disposition": 'attachment; filename="audit-checkpoints.jsonl"'}
    return HttpResponse(lines, content_type="application/jsonl; charset=utf-8", headers=headers)


def _day(request: SignedInRequest, name: str, days: int = 0) -> datetime | None:
    """The beginning of a day in UTC, `days` later; None for what is no day."""
    try:
        day = date.fromisoformat(facets.typed(request, name))
        return datetime.combine(day, time(), UTC) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
