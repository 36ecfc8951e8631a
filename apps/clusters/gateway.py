"""What the console asks of a cluster, as values and errors of our own.

The one implementation is `clusters.kube`; nobody else knows a Kubernetes client. Every call is
bounded in time and size, follows no redirect, and retries nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

Manifest = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """A served resource. `group` is "" for the core group; `plural` is the name in the URL."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    verbs: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class ServerVersion:
    git_version: str
    major: str
    minor: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the cluster takes us for (SelfSubjectReview)."""

    username: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessCheck:
    """One question for SelfSubjectAccessReview; `namespace` "" asks for all namespaces."""

    verb: str
    group: str
    plural: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `items` are plain dicts or trimmed structs of the type asked for."""

    items: Sequence[Any]
    resource_version: str
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """What the server would have written (dry run) or wrote. `warnings` are its Warning headers."""

    manifest: Manifest
    created: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of a Status' `details.causes`."""

    reason: str
    field: str
    message: str


class GatewayError(Exception):
    """A cluster's refusal or silence as one sentence. `permanent` says that asking again is idle."""

    permanent = True

    def __init__(self, message: str, *, status: int = 0, causes: tuple[Cause, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.causes = causes


class UnreachableError(GatewayError):
    """No connection: name, address policy, refused, TLS, or a time-out before anything was sent."""

    permanent = False


class OutcomeUnknownError(GatewayError):
    """A write was sent and no answer came: read the object to learn what happened."""

    permanent = False


class UnauthorizedError(GatewayError):
    """401: the credential is wrong or has expired."""


class ForbiddenError(GatewayError):
    """403 by RBAC."""


class NotFoundError(GatewayError):
    """404: the object, its namespace or the resource is not there."""


class AlreadyExistsError(GatewayError):
    """A create met an object of that name (409 AlreadyExists, or 422 for resourceVersion "0")."""


class FieldConflictError(GatewayError):
    """409 with causes FieldManagerConflict: other managers own the fields in `causes`."""


class StaleError(GatewayError):
    """409 without causes, or a uid that does not match: the object moved, went or was made anew."""


class InvalidError(GatewayError):
    """422, 400, or the typing errors of server-side apply, which a server sends as 500."""


class DeniedError(GatewayError):
    """An admission webhook or policy refused."""


class ThrottledError(GatewayError):
    """429, or 503 with Retry-After. `retry_after` is in seconds."""

    permanent = False

    def __init__(self, message: str, *, status: int = 429, retry_after: float = 1.0) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class UnavailableError(GatewayError):
    """5xx that is worth another try, on a read or before a write took effect."""

    permanent = False


class ExpiredListError(GatewayError):
    """410: the list's continue token has expired; start the list again."""

    permanent = False


class TooLargeError(GatewayError):
    """An answer beyond the size limit, or one that cannot be decoded."""


class ClusterGateway(Protocol):
    """An open connection to one cluster. Use it as a context manager; it belongs to one thread.

    Every method may raise any GatewayError.
    """

    def __enter__(self) -> ClusterGateway: ...

    def __exit__(self, *exc: object) -> None: ...

    def version(self) -> ServerVersion: ...

    def identity(self) -> Identity: ...

    def resources(self, groups: Sequence[str]) -> tuple[Resource, ...]:
        """What is served of these groups ("" for core): the preferred version of a group first.
        A group that is not served is left out."""
        ...

    def allowed(self, checks: Sequence[AccessCheck]) -> tuple[bool, ...]: ...

    def pages(
        self, resource: Resource, item_type: type[T], *, limit: int = 500, field_selector: str = ""
    ) -> Iterator[Page]:
        """All objects in all namespaces, page by page, each item decoded straight into `item_type`
        (a msgspec struct, a TypedDict or dict). Raises ExpiredListError when the list grew too old in
        the middle: whoever reads forgets the pages so far and starts again."""
        ...

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]: ...

    def apply(
        self, resource: Resource, manifest: Manifest, *, dry_run: bool, force: bool = False
    ) -> WriteAnswer:
        """Server-side apply as field manager `meshconsole` with strict field validation. uid and
        resourceVersion in the manifest's metadata are preconditions ("0": must not exist)."""
        ...

    def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, dry_run: bool
    ) -> None:
        """Preconditions and dryRun travel in the body: a body makes the server ignore the query."""
        ...
