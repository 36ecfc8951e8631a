"""Who may see a page at all, and what a refusal of an action looks like.

Pages are for people who are signed in; what they may see inside is asked by selectors and actions,
whose errors become pages here. Must not know any area.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.refusals import keep
from apps.common.errors import (
    ConsoleError,
    InvalidInputError,
    PermissionDeniedError,
    StaleInputError,
    WrongStateError,
)

P = ParamSpec("P")
STATUS: dict[type[ConsoleError], int] = {
    InvalidInputError: 400,
    PermissionDeniedError: 403,
    WrongStateError: 409,
    StaleInputError: 412,
}
TITLES = {
    400: "This cannot be used",
    403: "You may not do this",
    409: "This cannot be done now",
    412: "It has changed in the meantime",
}


class SignedInRequest(HttpRequest):
    """A request of a person who is signed in."""

    user: User


View = Callable[Concatenate[SignedInRequest, P], HttpResponseBase]


def signed_in(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Sends strangers to the sign-in page and turns the errors of actions into pages."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        try:
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # the line above is the proof
        except ConsoleError as error:
            match = request.resolver_match
            keep(error, actor=request.user, action=f"page.{match.url_name if match else ''}")
            return refusal(request, error)

    return guarded


def status_of(error: ConsoleError) -> int:
    """The HTTP status of one of our errors."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)


def refusal(request: HttpRequest, error: ConsoleError) -> HttpResponse:
    """A page that says what was refused, why, and what to do: the error's own sentence."""
    status = status_of(error)
    context = {"status": status, "title": TITLES[status], "text": error.message, "code": error.code}
    return render(request, "errors/refusal.html", context, status=status)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """A redirect; for htmx one that moves the whole page instead of a part of it."""
    htmx = getattr(request, "htmx", None)
    back = htmx.current_url_abs_path if htmx else request.get_full_path()
    url = f"{reverse('console:sign-in')}?{urlencode({'next': back or '/'})}"
    if htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
