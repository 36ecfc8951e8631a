"""The bodies a Kubernetes API server answers with when it refuses: Status objects, and the few that are none.

Texts are those of kube-apiserver 1.36 as recorded. It knows no store and no kind beyond names.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.simcluster.schema import Json


class CauseType(StrEnum):
    INVALID = "FieldValueInvalid"
    REQUIRED = "FieldValueRequired"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    TYPE = "FieldValueTypeInvalid"
    DUPLICATE = "FieldValueDuplicate"


@dataclass(frozen=True, slots=True)
class Cause:
    reason: str
    field: str
    message: str

    def to_json(self) -> Json:
        return {"reason": self.reason, "message": self.message, "field": self.field}


@dataclass(frozen=True, slots=True)
class Target:
    """What a refusal is about: group, plural resource, kind and name, as `details` shows them."""

    group: str = ""
    resource: str = ""
    kind: str = ""
    name: str = ""

    @property
    def qualified_resource(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def qualified_kind(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def details(self, *, kind: str | None = None) -> Json:
        pairs = {"name": self.name, "group": self.group, "kind": kind if kind is not None else self.resource}
        return {key: value for key, value in pairs.items() if value}


class ApiError(Exception):
    """A refusal: HTTP status, reason, message, and the Status' details and metadata."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        retry_after: int | None = None,
        metadata: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.metadata = metadata or {}

    def body(self) -> Json:
        body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure"}
        body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.status
        return body


class PlainNotFound(Exception):
    """The 404 that is text and no Status: a path, group or custom resource nobody serves."""

    BODY = b"404 page not found\n"


class NoAnswer(Exception):
    """The real server's handler panics here: the connection is closed without an answer."""


def quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


_JSON_WORDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def cannot_unmarshal(value: Any, field: str, wanted: str) -> ApiError:
    """400 in the words of Go's decoder for a value of a wrong type."""
    found = _JSON_WORDS.get(type(value), "null")
    return bad_request(f"json: cannot unmarshal {found} into Go struct field {field} of type {wanted}")


def object_in(value: Any, field: str) -> Json:
    """The value as an object (null is an empty one); raises 400 for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise cannot_unmarshal(value, field, "struct")
    return value


def not_found(target: Target) -> ApiError:
    text = f'{target.qualified_resource} "{target.name}" not found'
    return ApiError(404, "NotFound", text, details=target.details())


def no_such_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(target: Target, *, terminating: bool = False) -> ApiError:
    prefix = "object is being deleted: " if terminating else ""
    text = f'{prefix}{target.qualified_resource} "{target.name}" already exists'
    return ApiError(409, "AlreadyExists", text, details=target.details())


def conflict(target: Target, why: str, *, by_kind: bool = False) -> ApiError:
    """409 without causes. Precondition failures of custom resources name the kind instead of the resource."""
    shown = target.qualified_kind if by_kind else target.qualified_resource
    text = f'Operation cannot be fulfilled on {shown} "{target.name}": {why}'
    return ApiError(409, "Conflict", text, details=target.details(kind=target.kind if by_kind else None))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def modified(target: Target) -> ApiError:
    return conflict(target, MODIFIED)


def invalid(target: Target, causes: Sequence[Cause], *, subject: str | None = None) -> ApiError:
    """422 with causes; `subject` overrides the name before the quotes (storage errors name the resource)."""
    parts = [f"{cause.field}: {cause.message}" for cause in dict.fromkeys(causes)]
    joined = parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"
    shown = subject if subject is not None else target.qualified_kind
    details = target.details(kind=target.resource if subject is not None else target.kind)
    details["causes"] = [cause.to_json() for cause in causes]
    return ApiError(422, "Invalid", f'{shown} "{target.name}" is invalid: {joined}', details=details)


def invalid_options(kind: str, *causes: Cause) -> ApiError:
    """422 about a query or options object, such as `PatchOptions.meta.k8s.io`."""
    return invalid(Target(group="meta.k8s.io", kind=kind), causes)


def invalid_patch(quoted_object: str, why: str) -> ApiError:
    """422 when the patched object cannot be decoded: the whole object is quoted in the message."""
    message = f"Invalid value: {quoted_object}: {why}"
    cause = Cause(CauseType.INVALID, "patch", message)
    return ApiError(
        422, "Invalid", f' "" is invalid: patch: {message}', details={"causes": [cause.to_json()]}
    )


def rejected_patch() -> ApiError:
    text = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", text, details={})


def internal(message: str) -> ApiError:
    """500 without a reason: how typing and number errors of server-side apply come back."""
    return ApiError(500, "", message)


def forbidden(target: Target, *, user: str, verb: str, subresource: str, namespace: str | None) -> ApiError:
    resource = f"{target.resource}/{subresource}" if subresource else target.resource
    named = f' "{target.name}"' if target.name else ""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    text = (
        f'{target.qualified_resource}{named} is forbidden: User "{user}" cannot {verb} resource "{resource}" '
        f'in API group "{target.group}" {where}'
    )
    return ApiError(403, "Forbidden", text, details=target.details())


def forbidden_path(user: str, verb: str, path: str) -> ApiError:
    text = f'forbidden: User "{user}" cannot {verb} path "{path}"'
    return ApiError(403, "Forbidden", text, details={})


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> ApiError:
    text = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", text, details={})


def not_acceptable() -> ApiError:
    kinds = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {kinds}")


def unsupported_media_type(accepted: str) -> ApiError:
    text = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", text)


def too_large_version(asked: int, current: int) -> ApiError:
    details: Json = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    text = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, "Timeout", text, details=details, retry_after=1)


def expired(message: str, *, token: str | None = None) -> ApiError:
    return ApiError(410, "Expired", message, metadata={"continue": token} if token else None)
