"""What an API server's refusal means to us: status, reason and causes → one of the gateway errors.

Pure. Follows what a real kube-apiserver 1.36 answers: a 409 has three shapes, a 500 may be permanent
(server-side apply's typing errors), a 400 may be a webhook's denial. `unknown` says that a write was
under way, so that an unclear failure may have taken effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.clusters import gateway as g

MAX_MESSAGE = 600
MAX_CAUSES = 50
_DENIED = re.compile(r"denied (the )?request|exceeded quota|because it is being terminated")
# Errors that an API server passes on as a bare 500 although asking again is idle: they come before anything
# is stored. Any other bare 500 ("rpc error: …", "etcdserver: …") may come after that.
_NEVER_STORED = re.compile(
    r"^failed to (create typed|convert) |field not declared in schema|^etcdserver: request is too large"
    r"|: invalid syntax$|should not be set on objects"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `status_object` is False when the body is not a Kubernetes
    Status: then nothing of the body is repeated, as whoever answered may not be a cluster at all."""

    code: int
    reason: str
    message: str
    causes: tuple[g.Cause, ...]
    retry_after: float | None
    status_object: bool


def read(code: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Reads a Status, whatever else came. Never raises."""
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        document = None
    known = isinstance(document, dict) and (
        document.get("kind") == "Status" or (document.get("status") == "Failure" and "code" in document)
    )
    status: dict[str, Any] = document if known else {}
    details = status.get("details") if isinstance(status.get("details"), dict) else {}
    wait = _seconds(headers.get("Retry-After")) or _seconds((details or {}).get("retryAfterSeconds"))
    return Refusal(
        code,
        str(status.get("reason") or ""),
        _plain(str(status.get("message") or "")),
        _causes((details or {}).get("causes")),
        wait,
        known,
    )


def error(refusal: Refusal, *, writing: bool) -> g.GatewayError:
    """The gateway error for a refusal. `writing` is True for a write that is not a dry run."""
    code, message = refusal.code, refusal.message
    by_code = {
        400: _bad_request,
        403: _forbidden,
        409: _conflict,
        422: _unprocessable,
        500: _server_error,
    }
    if code in by_code:
        return by_code[code](refusal, writing)
    if code == 401:
        return g.UnauthorizedError(
            "The cluster refused the credential: it is wrong or has expired.", status=code
        )
    if code == 404:
        return g.NotFoundError(message or "The cluster does not have this.", status=code)
    if code == 410:
        return g.ExpiredListError("The list grew too old while it was read.", status=code)
    if code == 429 or (code == 503 and refusal.retry_after is not None):
        return g.ThrottledError(
            "The cluster's API server is overloaded and asks to wait.",
            status=code,
            retry_after=refusal.retry_after or 1.0,
        )
    if code >= 500:
        return _unclear(refusal, writing)
    if 300 <= code < 400:
        return g.UnreachableError(
            "The address answers with a redirect, which is not followed: an API server sends none.",
            status=code,
        )
    return g.InvalidError(message or f"The cluster answered with status {code}.", status=code)


def _bad_request(refusal: Refusal, _writing: bool) -> g.GatewayError:
    if _DENIED.search(refusal.message):
        return g.DeniedError(refusal.message, status=refusal.code, causes=refusal.causes)
    return _invalid(refusal)


def _forbidden(refusal: Refusal, _writing: bool) -> g.GatewayError:
    if _DENIED.search(refusal.message):
        return g.DeniedError(refusal.message, status=refusal.code, causes=refusal.causes)
    return g.ForbiddenError(refusal.message or "The cluster forbids this.", status=refusal.code)


def _conflict(refusal: Refusal, _writing: bool) -> g.GatewayError:
    if refusal.reason == "AlreadyExists":
        return g.AlreadyExistsError(refusal.message, status=refusal.code)
    if any(cause.reason == "FieldManagerConflict" for cause in refusal.causes):
        return g.FieldConflictError(refusal.message, status=refusal.code, causes=refusal.causes)
    return g.StaleError(
        refusal.message or "The object is not what it was.", status=refusal.code, causes=refusal.causes
    )


def _unprocessable(refusal: Refusal, _writing: bool) -> g.GatewayError:
    if _DENIED.search(refusal.message):
        return g.DeniedError(refusal.message, status=refusal.code, causes=refusal.causes)
    for cause in refusal.causes:
        if cause.field == "metadata.resourceVersion" and "must be specified for an update" in cause.message:
            return g.AlreadyExistsError(refusal.message, status=refusal.code, causes=refusal.causes)
        if cause.field == "metadata.uid":
            return g.StaleError(
                "The object was deleted and made anew (its uid is another one).",
                status=refusal.code,
                causes=refusal.causes,
            )
    return _invalid(refusal)


def _server_error(refusal: Refusal, writing: bool) -> g.GatewayError:
    message = refusal.message
    if "failed calling webhook" in message:
        # The webhook is asked before anything is stored.
        return g.UnavailableError(message, status=refusal.code, causes=refusal.causes)
    if refusal.status_object and not refusal.reason and _NEVER_STORED.search(message):
        return _invalid(refusal)
    return _unclear(refusal, writing)


def _unclear(refusal: Refusal, writing: bool) -> g.GatewayError:
    said = f": {refusal.message}" if refusal.message else "."
    if writing:
        return g.OutcomeUnknownError(
            f"The cluster failed with status {refusal.code} while it was writing{said}", status=refusal.code
        )
    return g.UnavailableError(f"The cluster failed with status {refusal.code}{said}", status=refusal.code)


def _invalid(refusal: Refusal) -> g.InvalidError:
    text = refusal.message or f"The cluster answered with status {refusal.code}."
    return g.InvalidError(text, status=refusal.code, causes=refusal.causes)


def _causes(items: Any) -> tuple[g.Cause, ...]:
    if not isinstance(items, list):
        return ()
    return tuple(
        g.Cause(
            _plain(str(item.get("reason") or "")),
            _plain(str(item.get("field") or "")),
            _plain(str(item.get("message") or "")),
        )
        for item in items[:MAX_CAUSES]
        if isinstance(item, dict)
    )


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), 60.0) if seconds == seconds else None


def _plain(text: str) -> str:
    """One line of printable text of bounded length: it is shown to people."""
    line = "".join(char if char.isprintable() else " " for char in text[: 4 * MAX_MESSAGE])
    line = " ".join(line.split())
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"
