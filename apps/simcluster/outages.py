"""A server in trouble as a whole: too busy, shutting down, or without its storage; and its health checks.

What a client sees of each, as recorded from kube-apiserver. It knows no objects: what is still served is
served as ever.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from apps.simcluster.messages import PLAIN, Request, Response

HEALTH = ("/healthz", "/livez", "/readyz")
DEFAULT_SECONDS = 60.0
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Outage(StrEnum):
    NONE = "none"
    OVERLOADED = "overloaded"  # more requests in flight than allowed
    SHUTTING_DOWN = "shutting-down"  # told to end, still serving
    STORAGE_DOWN = "storage-down"  # etcd does not answer; only what is cached is served


@dataclass(frozen=True, slots=True)
class Trouble:
    """What comes instead of an answer: wait `seconds`, then `response`; None closes the connection."""

    seconds: float
    response: Response | None


def trouble(outage: Outage, request: Request, longest: float) -> Trouble | None:
    """What the outage makes of a request, after `longest` seconds at most; None: it is served as usual."""
    if outage is Outage.NONE or request.path.rstrip("/") in HEALTH:
        return None
    if outage is Outage.OVERLOADED:
        text = b"Too many requests, please try again later.\n"
        return Trouble(0, Response(429, text, PLAIN, (("retry-after", "1"),)))
    if outage is not Outage.STORAGE_DOWN or _cached(request):
        return None
    asked = _asked_seconds(request)
    seconds = min(asked if asked is not None else DEFAULT_SECONDS, longest)
    if request.method in ("GET", "HEAD") and asked is not None:
        return Trouble(seconds, None)
    return Trouble(seconds, Response(504, json.dumps(_timeout()).encode(), PLAIN))


def _cached(request: Request) -> bool:
    """Reads at version 0, watches and what is no object come without the storage."""
    if request.method not in ("GET", "HEAD"):
        return False
    parts = request.path.strip("/").split("/")
    objects = len(parts) > 2 if parts[0] == "api" else parts[0] == "apis" and len(parts) > 3
    return not objects or request.flag("watch") or request.param("resourceVersion") == "0"


def _asked_seconds(request: Request) -> float | None:
    found = _SECONDS.fullmatch(request.param("timeout"))
    return float(found[1]) * _UNITS[found[2]] if found else None


def _timeout() -> dict[str, object]:
    """The refusal as the server writes it here: without kind and version."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": "Timeout: request did not complete within the allotted timeout",
        "reason": "Timeout",
        "details": {},
        "code": 504,
    }


def health(path: str, outage: Outage, *, verbose: bool) -> Response:
    """The answer of a health endpoint: `ok`, or every check when asked or when one fails."""
    name = path.strip("/")
    checks = {"ping": True, "log": True}
    if name == "readyz":  # ready for requests: it does not look at the storage
        checks |= {"informer-sync": True, "shutdown": outage is not Outage.SHUTTING_DOWN}
    else:
        checks["etcd"] = outage is not Outage.STORAGE_DOWN
    well = all(checks.values())
    if well and not verbose:
        return Response(200, b"ok", PLAIN)
    lines = [
        f"[+]{check} ok" if holds else f"[-]{check} failed: reason withheld"
        for check, holds in checks.items()
    ]
    text = "\n".join([*lines, f"{name} check {'passed' if well else 'failed'}", ""])
    return Response(200 if well else 500, text.encode(), PLAIN)
