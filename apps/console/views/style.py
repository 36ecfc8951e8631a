"""The style page: every component once, with made-up content. Reads no data."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render

from apps.common import badges, clock
from apps.console import figures
from apps.console.changes_shown import Moment
from apps.console.evidence import Link
from apps.console.guard import SignedInRequest, signed_in
from apps.console.navigation import Tab
from apps.console.tables import Head, Listing

TOKENS = {
    "Surfaces": ("bg", "surface", "surface-2", "surface-3", "overlay"),
    "Lines and ink": ("line", "line-strong", "line-control", "ink-3", "ink-2", "ink"),
    "Accent": ("accent-bg", "accent-line", "accent"),
    "State tints": ("ok-bg", "warn-bg", "bad-bg", "alt-bg"),
    "State ink": ("ok-fg", "warn-fg", "bad-fg", "alt-fg"),
    "State solids": ("ok-solid", "warn-solid", "bad-solid"),
}
BEFORE = """spec:
  hosts:
  - sts.amazonaws.com
  - "*.amazonaws.com"
  location: MESH_EXTERNAL
"""
AFTER = """spec:
  hosts:
  - sts.amazonaws.com
  - monitoring.us-east-1.amazonaws.com
  location: MESH_EXTERNAL
"""


@signed_in
def style(request: SignedInRequest) -> HttpResponse:
    """Every component in both themes; a variant is added here before a page uses it."""
    return render(request, "console/style/page.html", {**_states(), **_parts(), **_records()})


def _states() -> dict[str, object]:
    """Tokens and every state that has a badge."""
    return {
        "tokens": TOKENS,
        "verdicts": list(badges.VERDICTS),
        "severities": list(badges.SEVERITIES),
        "healths": list(badges.HEALTH),
        "changes": list(badges.CHANGES),
    }


def _parts() -> dict[str, object]:
    """What pages are put together from."""
    shares = [("ok", 91), ("warn", 6), ("bad", 3)]
    return {
        "bar": figures.bar(shares, figure=figures.percent(91, 100), words="91 percent captured"),
        "progress": figures.progress(3, 5),
        "tabs": [Tab("Matrix", "#tabs", True), Tab("Explain a connection", "#tabs", count=7)],
        "crumbs": [("Clusters", "#tabs"), ("prod-eu-1", "#tabs"), ("Egress", "")],
        "steps": [("Connection", "done", ""), ("Preflight", "current", ""), ("Save", "todo", "")],
        "heads": (Head("Namespace", "pin", "descending", "#table"), Head("Workloads", "num", "", "#table")),
        "listing": Listing((), (), 26, 50, 161, "#table", "#table", "rows"),
        "pairs": [("Cluster", "prod-eu-1"), ("Field owner", "argocd-controller"), ("Gaps", "")],
    }


def _records() -> dict[str, object]:
    """Evidence, differences, and what happened when."""
    now = clock.now()
    return {
        "before": BEFORE,
        "after": AFTER,
        "moments": [
            Moment(now, "Lena Brandt", "approved revision 2", "ok", "check", quote="Exact hosts."),
            Moment(now - timedelta(days=2), "Priya Nair", "submitted", "", "change"),
        ],
        "chain": [
            Link("No Sidecar narrows this scope", "Everything exported to the namespace is visible."),
            Link(
                "Envoy resets the connection",
                "TLS on 443 goes to BlackHoleCluster.",
                ref="ConfigMap istio-system/istio",
                path="data.mesh",
                last=True,
                tone="bad",
                icon="v-reset",
            ),
        ],
    }
