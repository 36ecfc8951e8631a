"""The pages for what went wrong, with the request's id to ask about. Must not fail themselves.

The page for a server error uses no database, no session and no context processor.
"""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def request_id() -> str:
    """The id under which this request stands in the log, "" outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return HttpResponse(_plain("errors/400.html"), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "errors/403.html", 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "errors/404.html", 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_plain("errors/500.html"), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was sent without its token: nothing was done, sending it again helps."""
    return HttpResponse(_plain("errors/csrf.html"), status=403)


def _page(request: HttpRequest, template: str, status: int) -> HttpResponse:
    """Inside the frame for people, on its own for strangers."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return HttpResponse(_plain(template.replace(".html", "_stranger.html")), status=status)
    return render(request, template, {"request_id": request_id()}, status=status)


def _plain(template: str) -> str:
    return render_to_string(template, {"request_id": request_id()})
