"""The options of a write (dryRun, fieldManager, force, fieldValidation, deletion), checked as the server
does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from apps.simcluster.decoding import BodyError, parse_json, parse_yaml
from apps.simcluster.errors import (
    Cause,
    CauseType,
    bad_request,
    cannot_unmarshal,
    invalid_options,
    object_in,
    quoted,
)
from apps.simcluster.messages import Request
from apps.simcluster.schema import Json

MAX_MANAGER_BYTES = 128
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+|0")
APPLY = "application/apply-patch+yaml"


class FieldValidation(StrEnum):
    IGNORE = "Ignore"
    STRICT = "Strict"
    WARN = "Warn"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    dry_run: bool
    manager: str
    force: bool
    validation: FieldValidation


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    dry_run: bool = False
    uid: str | None = None
    resource_version: str | None = None
    propagation: str = ""
    grace_seconds: int | None = None


def default_manager(request: Request) -> str:
    """Who is recorded without a fieldManager: the User-Agent up to its first slash."""
    return request.headers.get("user-agent", "unknown").partition("/")[0][:MAX_MANAGER_BYTES]


def write_options(request: Request, kind: str) -> WriteOptions:
    """Options from the query; `kind` is CreateOptions, UpdateOptions or PatchOptions (422 names it)."""
    applying = request.media_type == APPLY
    causes = [
        *_dry_run(request.query.get("dryRun", [])),
        *_validation(request.param("fieldValidation")),
        *_manager(request.param("fieldManager"), needed=applying),
    ]
    if kind == "PatchOptions" and not applying and "force" in request.query:
        causes.append(
            Cause(CauseType.FORBIDDEN, "force", "Forbidden: may not be specified for non-apply patch")
        )
    if causes:
        raise invalid_options(kind, *causes)
    _check_timeout(request.param("timeout"))
    return WriteOptions(
        dry_run="All" in request.query.get("dryRun", []),
        manager=request.param("fieldManager") or default_manager(request),
        force=request.flag("force"),
        validation=FieldValidation(request.param("fieldValidation") or "Warn"),
    )


def _check_timeout(text: str) -> None:
    """The `timeout` of a request must be a Go duration; it is not enforced."""
    if text and not _DURATION.fullmatch(text):
        why = f"time: invalid duration {quoted(text)}"
        raise bad_request(f"invalid timeout specified in the request URL - {why}")


def _unsupported(field: str, value: object, supported: str) -> Cause:
    text = f"Unsupported value: {quoted(value)}: supported values: {supported}"
    return Cause(CauseType.NOT_SUPPORTED, field, text)


def _dry_run(values: list[str]) -> Iterator[Cause]:
    if any(value != "All" for value in values):
        yield _unsupported("dryRun", values, '"All"')


def _validation(value: str) -> Iterator[Cause]:
    if value not in ("", "Ignore", "Strict", "Warn"):
        yield _unsupported("fieldValidation", value, '"", "Ignore", "Strict", "Warn"')


def _manager(name: str, *, needed: bool) -> Iterator[Cause]:
    if needed and not name:
        yield Cause(CauseType.REQUIRED, "fieldManager", "Required value: is required for apply patch")
    if len(name.encode()) > MAX_MANAGER_BYTES:
        text = f"Too long: may not be more than {MAX_MANAGER_BYTES} bytes"
        yield Cause(CauseType.TOO_LONG, "fieldManager", text)
    for at, character in enumerate(name):
        if not character.isprintable():
            why = f"invalid character U+{ord(character):04X} (at position {at})"
            yield Cause(CauseType.INVALID, "fieldManager", f"Invalid value: {quoted(name)}: {why}")
            return


def delete_options(request: Request) -> DeleteOptions:
    """Options of a deletion: a body, even an empty object, makes the server ignore the query."""
    given = _delete_body(request) if request.body.strip() else _delete_query(request)
    if not isinstance(given.get("dryRun") or [], list):
        raise cannot_unmarshal(given["dryRun"], "DeleteOptions.dryRun", "[]string")
    causes = list(_dry_run(list(given.get("dryRun") or [])))
    policy = given.get("propagationPolicy") or ""
    if policy not in ("", "Foreground", "Background", "Orphan"):
        causes.append(
            _unsupported("propagationPolicy", policy, '"Foreground", "Background", "Orphan", "nil"')
        )
    if causes:
        raise invalid_options("DeleteOptions", *causes)
    conditions = object_in(given.get("preconditions"), "DeleteOptions.preconditions")
    return DeleteOptions(
        dry_run=bool(given.get("dryRun")),
        uid=conditions.get("uid"),
        resource_version=conditions.get("resourceVersion"),
        propagation=policy,
        grace_seconds=given.get("gracePeriodSeconds"),
    )


def _delete_query(request: Request) -> Json:
    grace = request.param("gracePeriodSeconds")
    return {
        "dryRun": request.query.get("dryRun", []),
        "propagationPolicy": request.param("propagationPolicy"),
        "gracePeriodSeconds": int(grace) if grace.lstrip("-").isdigit() else None,
    }


def _delete_body(request: Request) -> Json:
    try:
        parse = parse_yaml if "yaml" in request.media_type else parse_json
        body = parse(request.body).value
    except BodyError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: json: cannot unmarshal array")
    kind, version = body.get("kind", "DeleteOptions"), body.get("apiVersion", "v1")
    if kind != "DeleteOptions":
        scheme = 'in scheme "pkg/runtime/scheme.go:111"'
        raise bad_request(f'no kind "{kind}" is registered for version "{version}" {scheme}')
    return body
