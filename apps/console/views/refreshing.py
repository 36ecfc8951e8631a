"""Reading a cluster now, and how far that has come. The reading itself is done by workers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.clusters.models import Cluster
from apps.common import badges
from apps.console import frame
from apps.console.access import cluster_or_404
from apps.console.fragments import answer_poll, live
from apps.console.guard import SignedInRequest, signed_in
from apps.inventory import actions as inventory
from apps.inventory import selectors
from apps.inventory.models import RefreshRun

POLL_SECONDS = 2
IDLE_SECONDS = 15
UNDER_WAY = (RefreshRun.State.QUEUED, RefreshRun.State.RUNNING)


@require_POST
@signed_in
def refresh(request: SignedInRequest, name: str) -> HttpResponse:
    """Asks for a reading of the cluster and goes back to its page, which shows the progress."""
    cluster = cluster_or_404(request.user, name)
    ask_for_refresh(request, cluster, trigger="person")
    return redirect("console:cluster", name)


@signed_in
def freshness(request: SignedInRequest) -> HttpResponse:
    """How old the data is, of one cluster or of all, for the top bar that asks again and again."""
    clusters = frame.visible(request.user)
    chosen = [cluster for cluster in clusters if cluster.name == request.GET.get("cluster", "")]
    context = {
        "freshness": frame.freshness(chosen or clusters),
        "freshness_url": request.get_full_path(),
    }
    return render(request, "components/freshness.html", context)


@signed_in
def progress(request: SignedInRequest, name: str) -> HttpResponse:
    """The progress as a part that asks for itself; when a reading ends, the page is loaded anew."""
    cluster = cluster_or_404(request.user, name)
    part = progress_part(request, cluster)
    response = answer_poll(request, part)
    run = selectors.latest_run(cluster)
    if run is not None and run.state not in UNDER_WAY and request.GET.get("run") == str(run.pk):
        response["HX-Refresh"] = "true"
    return response


def progress_part(request: HttpRequest, cluster: Cluster) -> SafeString:
    """Where the latest reading stands; asked often while it runs and seldom when it does not."""
    run = selectors.latest_run(cluster)
    running = run is not None and run.state in UNDER_WAY
    url = reverse("console:cluster-progress", args=[cluster.name])
    return live(
        request,
        "console/clusters/_progress.html",
        {"run": run, "running": running, "badge": badges.of(badges.REFRESHES, run.state if run else "")},
        url=f"{url}?run={run.pk}" if running and run else url,
        seconds=POLL_SECONDS if running else IDLE_SECONDS,
        ends=cluster.paused,
    )


def ask_for_refresh(request: SignedInRequest, cluster: Cluster, *, trigger: str) -> None:
    """One reading more; one that is asked for already is enough."""
    inventory.request_refresh(actor=request.user, cluster=cluster, trigger=trigger)
    if trigger == "person":
        messages.info(request, f"A reading of {cluster.name} has been asked for.")
