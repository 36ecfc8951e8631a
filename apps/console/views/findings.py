"""Findings: what is lost, for whom, since when; and one finding with its evidence and remedy."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.permissions import Permission, allows_somewhere
from apps.analysis import selectors as analysis
from apps.analysis import suppressing
from apps.analysis.exported import FORMATS, findings_file
from apps.analysis.models import Finding
from apps.analysis.selectors import Shown
from apps.clusters.models import Cluster
from apps.common import badges
from apps.common.clock import now
from apps.console import evidence, facets, manifests, tables
from apps.console.access import cluster_or_404
from apps.console.forms.suppressing import SuppressForm, blank
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import Tab, cluster_tabs, crumbs
from apps.console.suppressed import groups, shown
from apps.console.yamltext import line_of
from apps.mesh.rules.catalogue import why_no_remedy
from apps.mesh.suppression import By

SEVERITIES = {key: badge.word for key, badge in badges.SEVERITIES.items()}
SORTS = {
    "severity": ("severity_rank", "-opened_at"),
    "code": ("code", "severity_rank", "-opened_at"),
    "object": ("namespace", "name", "code"),
    "cluster": ("cluster__name", "severity_rank", "-opened_at"),
    "since": ("-opened_at",),
}
COLUMNS = (
    tables.Column("Finding", "code"),
    tables.Column("Severity", "severity"),
    tables.Column("Object", "object"),
    tables.Column("Cluster", "cluster"),
    tables.Column("Affects"),
    tables.Column("Since", "since"),
)
GROUPS = {"code": "Check", "namespace": "Namespace"}
MOST_AFFECTED = 25


@signed_in
def findings(request: SignedInRequest, name: str = "") -> HttpResponseBase:
    """All findings one may see, or those of one cluster; open ones unless the filter says otherwise."""
    cluster = cluster_or_404(request.user, name) if name else None
    seen = analysis.findings(request.user)
    if cluster:
        seen = seen.filter(cluster=cluster)
    suppressed = seen.filter(analysis.in_state(Shown.SUPPRESSED)).count()
    state = _state(request)
    seen = seen.filter(analysis.in_state(state))
    found = _filtered(request, seen)
    sort, fields = tables.ordering(request, SORTS, "severity")
    group = request.GET.get("group", "") if request.GET.get("group") in GROUPS else ""
    found = found.order_by(*([group] if group else []), *fields, "pk")
    form = request.GET.get("format")
    if form in FORMATS:
        return findings_file(f"findings{'-' + name if name else ''}", form, found, now().date())
    listing = tables.listing(request, found, columns=COLUMNS, sort=sort, what="findings")
    choices = _facets(request, seen, cluster)
    context = {
        "cluster": cluster,
        "tabs": cluster_tabs(name, "cluster-findings") if name else (),
        "crumbs": crumbs(name, "Findings") if name else [],
        "facets": choices,
        "tags": facets.tags(request, choices),
        "text": facets.typed(request),
        "listing": listing,
        "groups": groups(listing.rows, group, analysis.tallies(found, group) if group else {}),
        "group": group,
        "group_choices": GROUPS,
        "state": state.value,
        "states": _states(request, state, suppressed),
        "suppressed": suppressed,
        "export_url": tables.query(request, format="csv", page=None),
        "lines_url": tables.query(request, format="jsonl", page=None),
        "clear_url": request.path,
        "sort": request.GET.get("sort", ""),
    }
    return page_or_fragment(request, "console/findings/page.html", "console/findings/_results.html", context)


@signed_in
def finding(request: SignedInRequest, pk: int) -> HttpResponse:
    """One finding: the sentence, the object with the offending line, evidence, remedy, who is affected."""
    found = analysis.findings(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return finding_page(request, found)


def finding_page(
    request: SignedInRequest, found: Finding, form: SuppressForm | None = None, *, status: int = 200
) -> HttpResponse:
    """The page of a finding; `form` is the one to suppress it, with what was typed into it."""
    cluster, ref, today = found.cluster, found.ref, now().date()
    text = manifests.current_yaml(request.user, cluster, found.kind, found.namespace, found.name)
    may_suppress = suppressing.may_suppress(request.user, cluster, found.namespace)
    state = found.state(today)
    context = {
        "finding": found,
        "cluster": cluster,
        "crumbs": [
            ("Findings", reverse("console:findings")),
            (cluster.name, reverse("console:cluster-findings", args=[cluster.name])),
            (f"{found.code} {ref.path}", ""),
        ],
        "ref": ref,
        "ref_url": object_url(cluster.name, ref),
        "yaml": text,
        "mark": line_of(text, found.path) if text and found.path else 0,
        "steps": evidence.chain(cluster.name, found.evidence),
        "affected": [(one, object_url(cluster.name, str(one))) for one in found.affected[:MOST_AFFECTED]],
        "affected_more": max(0, len(found.affected) - MOST_AFFECTED),
        "no_remedy": why_no_remedy(found.code),
        "elsewhere": _elsewhere(request, found),
        "others": analysis.open_findings(request.user)
        .filter(cluster=cluster, kind=found.kind, namespace=found.namespace, name=found.name)
        .exclude(pk=found.pk)[:5],
        "state": badges.of(badges.FINDINGS, state),
        "suppressed": state == Shown.SUPPRESSED,
        "may_suppress": may_suppress and state == Shown.OPEN,
        "may_lift": may_suppress and found.suppressed_by == By.CONSOLE,
        "form": form or blank(found, today),
        "history": [shown(request.user, row, today) for row in analysis.suppressions_of(request.user, found)],
    }
    return render(request, "console/findings/detail.html", context, status=status)


def _state(request: HttpRequest) -> Shown:
    wanted = request.GET.get("state", "")
    return Shown(wanted) if wanted in set(Shown) else Shown.OPEN


def _states(request: HttpRequest, current: Shown, suppressed: int) -> list[Tab]:
    """The switch between the states; the number of suppressed ones is never hidden."""
    return [
        Tab(
            badges.of(badges.FINDINGS, state.value).word,
            tables.query(request, state=None if state is Shown.OPEN else state.value, page=None),
            state is current,
            suppressed if state is Shown.SUPPRESSED else 0,
        )
        for state in Shown
    ]


def _filtered(request: HttpRequest, seen: QuerySet[Finding]) -> QuerySet[Finding]:
    condition = Q()
    for word in facets.typed(request).split():
        condition &= (
            Q(title__icontains=word)
            | Q(code__iexact=word)
            | Q(name__icontains=word)
            | Q(namespace__icontains=word)
        )
    found = seen.filter(condition)
    for name, field in (
        ("severity", "severity"),
        ("code", "code"),
        ("namespace", "namespace"),
        ("cluster", "cluster__name"),
    ):
        values = facets.chosen(request, name)
        if values:
            found = found.filter(**{f"{field}__in": values})
    return found


def _facets(request: HttpRequest, seen: QuerySet[Finding], cluster: Cluster | None) -> list[facets.Facet]:
    groups = [
        facets.facet(request, "severity", "Severity", analysis.tallies(seen, "severity"), SEVERITIES),
        facets.facet(request, "code", "Check", analysis.tallies(seen, "code")),
    ]
    if cluster is None:
        groups.append(facets.facet(request, "cluster", "Cluster", analysis.tallies(seen, "cluster__name")))
    groups.append(facets.facet(request, "namespace", "Namespace", analysis.tallies(seen, "namespace")))
    return groups


def _elsewhere(request: SignedInRequest, found: Finding) -> int:
    """On how many other clusters a change could mend the same check, for somebody who may propose it here."""
    where = {"environment": found.cluster.environment, "cluster": found.cluster.name}
    mendable = found.remedy and not found.resolved_at
    if not mendable or not allows_somewhere(request.user, Permission.PROPOSE, **where):
        return 0
    others = analysis.open_findings(request.user).filter(code=found.code).exclude(remedy="").order_by()
    return others.exclude(cluster=found.cluster).values("cluster").distinct().count()
