"""What the page of a change offers beside applying it: files to download, and pushes to Git."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows_somewhere
from apps.changes.models import ChangeSet, Revision
from apps.console.fragments import live
from apps.gitops import selectors
from apps.gitops.downloads import Form
from apps.gitops.models import Push, Repository

POLL_SECONDS = 2
UNDER_WAY = frozenset({Push.State.WAITING, Push.State.PUSHING})
FORMS = (
    (Form.YAML, "YAML", "What server-side apply sends"),
    (Form.WHOLE, "YAML, whole objects", "As they shall read"),
    (Form.KUSTOMIZE, "kustomize", "A component for each cluster"),
    (Form.KUBECTL, "kubectl script", "Tries all of it first"),
)


@dataclass(frozen=True, slots=True)
class ExportShown:
    """`repositories` is empty for who may not push, `why_not` then says why; `pushes` is a live part."""

    downloads: tuple[tuple[str, str, str], ...]  # URL, label, note
    repositories: Sequence[Repository]
    why_not: str
    may_keep: bool
    pushes: SafeString


def export_shown(request: HttpRequest, user: User, change: ChangeSet, revision: Revision) -> ExportShown:
    """For one change, as one person may use it."""
    url = reverse("console:change-export", args=[change.pk])
    problem = selectors.push_problem(user, change, revision)
    return ExportShown(
        downloads=tuple((f"{url}?as={form.value}", label, note) for form, label, note in FORMS),
        repositories=() if problem else tuple(selectors.repositories()),
        why_not=problem,
        may_keep=allows_somewhere(user, Permission.ADMINISTER),
        pushes=pushes_part(request, change),
    )


def pushes_part(request: HttpRequest, change: ChangeSet) -> SafeString:
    """The list of pushes, which asks for itself while one is under way."""
    rows = list(selectors.pushes(change))
    return live(
        request,
        "console/changes/_pushes.html",
        {"pushes": rows},
        url=reverse("console:change-pushes", args=[change.pk]),
        seconds=POLL_SECONDS,
        ends=not any(row.state in UNDER_WAY for row in rows),
    )
