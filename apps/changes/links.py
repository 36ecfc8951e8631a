"""Where the page of a change is, for what leaves the console."""

from __future__ import annotations

from django.conf import settings

from apps.changes.models import ChangeSet


def url_of(change: ChangeSet) -> str:
    """The page of a change; without MESHCONSOLE_URL only its path."""
    return f"{settings.MESHCONSOLE_URL}/changes/{change.pk}/"
