"""Says of every request whether it came from a browser or through the API. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from apps.audit.context import acting

API_PREFIX = "/api/"


class OriginMiddleware:
    """Sets `audit.context` for the length of a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(via="api" if request.path.startswith(API_PREFIX) else "browser"):
            return self._get_response(request)
