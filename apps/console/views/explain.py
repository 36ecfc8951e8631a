"""Explain any connection: a workload, a host, a port, and the chain of evidence for the answer."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from apps.analysis import selectors as analysis
from apps.analysis.explain import Explanation, explain
from apps.clusters.models import Cluster
from apps.common import badges
from apps.common.errors import InvalidInputError
from apps.console import evidence
from apps.console.access import cluster_or_404
from apps.console.forms.explain import ExplainForm
from apps.console.fragments import page_or_fragment
from apps.console.guard import SignedInRequest, signed_in
from apps.console.links import object_url
from apps.console.navigation import cluster_tabs, crumbs

MOST_SUGGESTIONS = 400


@signed_in
def explain_page(request: SignedInRequest, name: str) -> HttpResponseBase:
    """The form, and the answer below it when the URL holds a question; `format=text` for a ticket."""
    cluster = cluster_or_404(request.user, name)
    asked = "host" in request.GET
    form = ExplainForm(request.GET if asked else None, initial={"workload": request.GET.get("workload", "")})
    found: Explanation | None = None
    if asked and form.is_valid():
        try:
            found = explain(
                request.user, cluster, workload=form.cleaned_data["workload"], destination=form.destination
            )
        except InvalidInputError as refusal:
            form.add_error("workload", refusal.message)
    shown = _shown(cluster, form, found) if found else None
    if shown and request.GET.get("format") == "text":
        return HttpResponse(shown["text"], content_type="text/plain; charset=utf-8")
    context = {
        "cluster": cluster,
        "form": form,
        "shown": shown,
        "crumbs": crumbs(name, "Explain"),
        "tabs": cluster_tabs(name, "cluster-egress"),
        "workloads": analysis.workloads(request.user)
        .filter(cluster=cluster)
        .order_by("namespace", "name")[:MOST_SUGGESTIONS],
        "hosts": getattr(getattr(cluster, "summary", None), "hostset", {}).get("hosts", []),
    }
    status = 400 if asked and form.errors else 200
    return page_or_fragment(
        request, "console/egress/explain.html", "console/egress/_answer.html", context, status=status
    )


def _shown(cluster: Cluster, form: ExplainForm, found: Explanation) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.to_builtins(found.answer)
    verdict = badges.STOPPED if found.answer.stopped else found.answer.verdict.value
    steps = evidence.chain(cluster.name, answer["evidence"], verdict=verdict)
    badge = badges.of_verdict(verdict, found.answer.status)
    question = f"{cluster.name}: {found.workload.ref} to {form.destination} ({form.destination.protocol})"
    return {
        "badge": badge,
        "steps": steps,
        "question": question,
        "workload": str(found.workload.ref),
        "workload_url": object_url(cluster.name, found.workload.ref),
        "destination": form.destination,
        "scope": found.scope,
        "shared_by": len(found.scope.workloads),
        "fix": found.answer.fix.text if found.answer.fix else "",
        "unknowns": found.answer.unknowns,
        "text": evidence.as_text(question, badge, steps),
    }
