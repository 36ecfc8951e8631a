"""A request and a response as plain values, and what the path of a request says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

import msgspec

from apps.simcluster.schema import Json

JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request: header names in lower case, path still encoded, body complete."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    header_lists: Mapping[str, list[str]] = field(default_factory=dict)

    def param(self, name: str) -> str:
        """First value of a query parameter, or the empty string."""
        return self.query.get(name, [""])[0]

    def flag(self, name: str) -> bool:
        """A boolean as Kubernetes reads it: anything but nothing, `0` and `false` is true."""
        return name in self.query and self.param(name).lower() not in ("0", "false")

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_query(raw: str) -> dict[str, list[str]]:
    return parse_qs(raw, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_response(body: Json, status: int = 200, *, warnings: tuple[str, ...] = ()) -> Response:
    return Response(status, msgspec.json.encode(body), JSON, warning_headers(warnings))


def warning_headers(warnings: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """`Warning: 299` headers, one a text."""
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in warnings)
    return tuple(("warning", f'299 - "{text}"') for text in escaped)


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for. `resource` empty: no resource request. `name` empty: the collection."""

    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    watch: bool = False

    def verb(self, request: Request) -> str:
        """The RBAC verb of a request on this route."""
        if request.method in ("GET", "HEAD"):
            if self.name:
                return "watch" if self.watch else "get"
            return "watch" if self.watch or request.flag("watch") else "list"
        words = {"POST": "create", "PUT": "update", "PATCH": "patch"}
        if request.method == "DELETE":
            return "delete" if self.name else "deletecollection"
        return words.get(request.method, request.method.lower())


def parse_route(path: str) -> Route | None:
    """The route of `/api/...` and `/apis/...` resource paths; None for every other path."""
    parts = unquote(path).strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    watch = rest[0] == "watch" and len(rest) > 1
    rest = rest[1:] if watch else rest
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    named = [*rest, "", ""]
    return Route(group, version, named[0], namespace, named[1], "/".join(rest[2:]), watch)
