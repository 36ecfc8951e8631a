"""Page or fragment: the one place that decides which of the two a request gets.

A page includes its fragment; htmx asks the same URL and gets the fragment alone. Must not know
what any page is about.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString

SEEN = "seen"
NO_CONTENT = 204


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asked for a part: not for a boosted visit, nor when it restores its history."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)


def page_or_fragment(
    request: HttpRequest, page: str, fragment: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Renders `fragment` for htmx and `page`, which includes it, for everybody else."""
    template = fragment if wants_fragment(request) else page
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def live(
    request: HttpRequest, template: str, context: dict[str, Any], *, url: str, seconds: int, ends: bool
) -> SafeString:
    """A part that asks `url` for itself every `seconds` until it `ends`.

    The part must hold no form: its digest tells whether it has changed, and a form's token always has.
    """
    content = render_to_string(template, context, request)
    shown = {"content": content, "url": url, "seconds": seconds, "ends": ends, "digest": _digest(content)}
    return render_to_string("components/live.html", shown, request)


def answer_poll(request: HttpRequest, part: SafeString) -> HttpResponse:
    """The part, or 204 when the browser already shows exactly that, so that nothing moves."""
    seen = request.GET.get(SEEN, "")
    if seen and f'{SEEN}={seen}"' in part:
        return HttpResponse(status=NO_CONTENT)
    return HttpResponse(part)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]
