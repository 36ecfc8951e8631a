"""What stands around every page: the sidebar, the cluster switcher, the account, the theme.

Everything is asked for only when a template reads it, so that fragments and error pages pay
nothing. Must not know what a page shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User
from apps.clusters.models import Cluster
from apps.console import frame

THEMES = ("light", "dark")
NEXT_THEME = {"": "dark", "dark": "light", "light": ""}
THEME_NAMES = {"": "system", "dark": "dark", "light": "light"}


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the sidebar. `in_cluster` is the page of the same subject inside one cluster."""

    area: str
    label: str
    icon: str
    name: str
    in_cluster: str = ""


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place("fleet", "Fleet", "fleet", "console:fleet"),
            Place("clusters", "Clusters", "cluster", "console:clusters"),
        ),
    ),
    (
        "Mesh",
        (
            Place("workloads", "Workloads", "workload", "console:workloads", "console:cluster-workloads"),
            Place("egress", "Egress", "egress", "console:egress", "console:cluster-egress"),
            Place("hosts", "Host sets", "host", "console:hosts"),
            Place("findings", "Findings", "finding", "console:findings", "console:cluster-findings"),
        ),
    ),
    (
        "Change",
        (
            Place("changes", "Changes", "change", "console:changes"),
            Place("policy", "Approval policy", "lock", "console:policy"),
        ),
    ),
    ("Record", (Place("audit", "Audit", "audit", "console:audit"),)),
    (
        "Console",
        (
            Place("webhooks", "Notifications", "note", "console:webhooks"),
            Place("repositories", "Repositories", "history", "console:repositories"),
            Place("style", "Style page", "file", "console:style"),
        ),
    ),
)
AREAS = {
    "cluster": "clusters",
    "cluster-register": "clusters",
    "cluster-connection": "clusters",
    "cluster-objects": "clusters",
    "object": "clusters",
    "object-versions": "clusters",
    "cluster-workloads": "workloads",
    "cluster-egress": "egress",
    "cluster-explain": "egress",
    "cluster-registry-only": "egress",
    "cluster-registry-only-first": "egress",
    "cluster-findings": "findings",
    "cluster-suppressions": "findings",
    "finding": "findings",
    "change": "changes",
    "cluster-propose": "changes",
    "webhook": "webhooks",
    "webhook-new": "webhooks",
    "deliveries": "webhooks",
    "repository": "repositories",
    "repository-new": "repositories",
    "hosts-new": "hosts",
    "hosts-set": "hosts",
    "hosts-compare": "hosts",
    "hosts-edition": "hosts",
    "policy-propose": "policy",
    "policy-version": "policy",
}
# Where the switcher leads from a page of one cluster: to the same page of the other one.
SAME_PAGE = frozenset(
    {
        "cluster",
        "cluster-workloads",
        "cluster-egress",
        "cluster-explain",
        "cluster-registry-only",
        "cluster-findings",
        "cluster-suppressions",
        "cluster-objects",
        "cluster-connection",
    }
)
OVER_ALL = {"cluster-workloads": "workloads", "cluster-egress": "egress", "cluster-findings": "findings"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A sidebar entry as it is shown; a `hot` count waits for this person."""

    label: str
    icon: str
    url: str
    current: bool
    count: int
    hot: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the cluster switcher."""

    label: str
    note: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    current: bool = False
    count: int = 0


class Shell:
    """The frame of one page for one person."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        match = request.resolver_match
        self._page = match.url_name or "" if match else ""
        self.cluster_name: str = match.kwargs.get("name", "") if match else ""

    @property
    def user(self) -> User | None:
        user = getattr(self._request, "user", None)
        return user if isinstance(user, User) else None

    @cached_property
    def clusters(self) -> list[Cluster]:
        return frame.visible(self.user) if self.user else []

    @cached_property
    def cluster(self) -> Cluster | None:
        return next((cluster for cluster in self.clusters if cluster.name == self.cluster_name), None)

    @cached_property
    def groups(self) -> list[tuple[str, list[Entry]]]:
        return [(title, [self._entry(place) for place in places]) for title, places in GROUPS]

    @cached_property
    def choices(self) -> list[Choice]:
        page = self._page if self._page in SAME_PAGE else "cluster"
        return [
            Choice(
                label=cluster.name,
                note=frame.note(cluster),
                url=reverse(f"console:{page}", args=[cluster.name]),
                current=cluster.name == self.cluster_name,
            )
            for cluster in self.clusters
        ]

    @property
    def all_clusters_url(self) -> str:
        return reverse(f"console:{OVER_ALL.get(self._page, 'fleet')}")

    @property
    def freshness_url(self) -> str:
        url = reverse("console:freshness")
        return f"{url}?cluster={self.cluster_name}" if self.cluster else url

    @cached_property
    def freshness(self) -> frame.Freshness:
        return frame.freshness([self.cluster] if self.cluster else self.clusters)

    @cached_property
    def theme(self) -> str:
        return theme_of(self._request)

    @property
    def next_theme(self) -> str:
        return NEXT_THEME[self.theme] or "system"

    @property
    def theme_name(self) -> str:
        return THEME_NAMES[self.theme]

    @cached_property
    def _counts(self) -> dict[str, int]:
        return frame.counts(self.user, self.clusters) if self.user else {}

    def _entry(self, place: Place) -> Entry:
        inside = self.cluster_name and place.in_cluster
        return Entry(
            label=place.label,
            icon=place.icon,
            url=reverse(place.in_cluster, args=[self.cluster_name]) if inside else reverse(place.name),
            current=AREAS.get(self._page, self._page) == place.area,
            count=self._counts.get(place.area, 0),
            hot=place.area == "changes",
        )


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the frame, for templates that extend the base."""
    return {"shell": Shell(request)}


def theme_of(request: HttpRequest) -> str:
    """ "light", "dark" or "" for what the browser prefers: the cookie, then the account."""
    chosen = request.COOKIES.get("theme", "")
    if chosen in THEMES:
        return chosen
    if chosen == "system":
        return ""
    theme = getattr(getattr(request, "user", None), "theme", "")
    return theme if theme in THEMES else ""


def cluster_tabs(name: str, current: str, counts: dict[str, int] | None = None) -> Iterable[Tab]:
    """The tabs of one cluster; `current` is a URL name without its namespace."""
    pages = (
        ("Overview", "cluster"),
        ("Workloads", "cluster-workloads"),
        ("Egress", "cluster-egress"),
        ("Findings", "cluster-findings"),
        ("Objects", "cluster-objects"),
        ("Connection", "cluster-connection"),
    )
    return [
        Tab(label, reverse(f"console:{page}", args=[name]), page == current, (counts or {}).get(page, 0))
        for label, page in pages
    ]


def crumbs(name: str, here: str) -> list[tuple[str, str]]:
    """The way to a page of a cluster."""
    return [
        ("Clusters", reverse("console:clusters")),
        (name, reverse("console:cluster", args=[name])),
        (here, ""),
    ]
