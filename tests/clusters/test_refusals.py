"""What an API server's refusals mean: every failure that a real one was recorded with."""

# ruff: noqa: E501 (the error map reads best as a table)

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.clusters import gateway as g
from apps.clusters.kube import refusals

RECORDED = Path(__file__).parent.parent / "recorded" / "api-transcripts"


def status(
    code: int, reason: str = "", message: str = "", causes: list[dict[str, str]] | None = None
) -> bytes:
    body: dict[str, Any] = {"kind": "Status", "status": "Failure", "code": code, "message": message}
    if reason:
        body["reason"] = reason
    if causes:
        body["details"] = {"causes": causes}
    return json.dumps(body).encode()


def meaning(code: int, body: bytes, *, writing: bool = True, **headers: str) -> g.GatewayError:
    return refusals.error(
        refusals.read(code, {k.replace("_", "-"): v for k, v in headers.items()}, body), writing=writing
    )


CONFLICT = [
    {"reason": "FieldManagerConflict", "field": ".spec.egress", "message": 'conflict with "istioctl"'}
]
MODIFIED = "Operation cannot be fulfilled: the object has been modified; please apply your changes"
EXISTS = [{"reason": "FieldValueInvalid", "field": "metadata.resourceVersion", "message": "Invalid value: 0: must be specified for an update"}]  # fmt: skip
OTHER_UID = [{"reason": "FieldValueInvalid", "field": "metadata.uid", "message": "field is immutable"}]


@pytest.mark.parametrize(
    ("code", "body", "expected", "permanent"),
    [
        (409, status(409, "Conflict", "Apply failed with 1 conflict", CONFLICT), g.FieldConflictError, True),
        (409, status(409, "Conflict", MODIFIED), g.StaleError, True),
        (409, status(409, "Conflict", "uid mismatch: the provided object specified uid x, and no existing object was found"), g.StaleError, True),
        (422, status(422, "Invalid", "x is invalid", OTHER_UID), g.StaleError, True),
        (422, status(422, "Invalid", "x is invalid", EXISTS), g.AlreadyExistsError, True),
        (409, status(409, "AlreadyExists", "x already exists"), g.AlreadyExistsError, True),
        (422, status(422, "Invalid", "hosts must not be empty"), g.InvalidError, True),
        (500, status(500, "", "failed to create typed patch object: .spec.foo: field not declared in schema"), g.InvalidError, True),
        (400, status(400, "BadRequest", 'strict decoding error: unknown field "spec.foo"'), g.InvalidError, True),
        (400, status(400, "", 'admission webhook "v.istio.io" denied the request: no'), g.DeniedError, True),
        (403, status(403, "Forbidden", 'admission webhook "v.istio.io" denied the request: no'), g.DeniedError, True),
        (422, status(422, "Invalid", "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"), g.DeniedError, True),
        (403, status(403, "Forbidden", "exceeded quota: q, requested: 1"), g.DeniedError, True),
        (500, status(500, "InternalError", 'failed calling webhook "v.istio.io": connection refused'), g.UnavailableError, False),
        (400, status(400, "BadRequest", 'admission webhook "v" does not support dry run'), g.InvalidError, True),
        (403, status(403, "Forbidden", 'User "x" cannot patch resource'), g.ForbiddenError, True),
        (401, status(401, "Unauthorized", "Unauthorized"), g.UnauthorizedError, True),
        (404, b"404 page not found\n", g.NotFoundError, True),
        (410, status(410, "Expired", "too old"), g.ExpiredListError, False),
        (429, b"Too many requests, please try again later.\n", g.ThrottledError, False),
        (504, status(504, "Timeout", "request did not complete"), g.OutcomeUnknownError, False),
        (500, status(500, "", "etcdserver: leader changed"), g.OutcomeUnknownError, False),
        (500, status(500, "", "rpc error: code = Unavailable desc = error reading from server: EOF"), g.OutcomeUnknownError, False),
        (500, status(500, "", "etcdserver: request is too large"), g.InvalidError, True),
        (502, b"<html>bad gateway</html>", g.OutcomeUnknownError, False),
        (301, b"", g.UnreachableError, False),
        (418, b"\xff\xfe", g.InvalidError, True),
    ],
)  # fmt: skip
def test_each_row_of_the_error_map(code: int, body: bytes, expected: type, permanent: bool) -> None:
    error = meaning(code, body)
    assert type(error) is expected
    assert error.permanent is permanent
    assert error.status == code


def test_the_same_failure_of_a_read_or_dry_run_is_no_unknown_outcome() -> None:
    for code in (500, 502, 503, 504):
        assert type(meaning(code, b"", writing=False)) is g.UnavailableError


def test_conflicting_fields_and_their_managers_are_kept() -> None:
    error = meaning(409, status(409, "Conflict", "x", CONFLICT))
    assert error.causes == (g.Cause("FieldManagerConflict", ".spec.egress", 'conflict with "istioctl"'),)


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("86400", 60.0), ("-5", 0.0), ("soon", 1.0), ("nan", 1.0), ("", 1.0)]
)
def test_the_time_to_wait_is_bounded(header: str, seconds: float) -> None:
    error = meaning(429, b"", Retry_After=header)
    assert isinstance(error, g.ThrottledError)
    assert error.retry_after == pytest.approx(seconds if seconds else 1.0)


def test_503_with_a_time_to_wait_is_throttling() -> None:
    assert type(meaning(503, b"", Retry_After="2")) is g.ThrottledError


def test_nothing_of_an_answer_that_is_no_status_is_repeated() -> None:
    for code in (400, 403, 404, 409, 422, 500, 502):
        assert "internal-db" not in meaning(code, b"<h1>internal-db:5432 says hello</h1>").message


def test_messages_are_one_bounded_line() -> None:
    error = meaning(422, status(422, "Invalid", "a\n\x1b[31mb\u202e" + "x" * 5000))
    assert error.message.startswith("a [31mb x")
    assert len(error.message) <= 600


@pytest.mark.parametrize("body", [b"[" * 100_000, b"null", b'{"kind":"Status","details":[]}', b'{"kind":"Status","details":{"causes":[1,{"field":[]}]}}'])  # fmt: skip
def test_hostile_bodies_do_no_harm(body: bytes) -> None:
    assert isinstance(meaning(422, body), g.GatewayError)


def exchanges() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(RECORDED.glob("*.json")):
        for row in json.loads(path.read_text())["cases"]:
            yield path.stem, row


EXPECTED = {
    401: g.UnauthorizedError,
    404: g.NotFoundError,
    410: g.ExpiredListError,
    429: g.ThrottledError,
}


def test_every_recorded_refusal_of_a_real_server_is_understood() -> None:
    seen = 0
    for group, row in exchanges():
        answer = row["response"]
        code, body = answer["status"], answer.get("body") or ""
        if code < 400:
            continue
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {
            key.title(): value for key, value in answer.get("headers", {}).items() if isinstance(value, str)
        }
        error = refusals.error(refusals.read(code, headers, raw), writing=row["request"]["method"] != "GET")
        name = f"{group}/{row['name']}"
        seen += 1
        assert error.message, name
        if code in EXPECTED:
            assert type(error) is EXPECTED[code], name
        elif (code == 500 and isinstance(body, dict) and not body.get("reason")) or code == 422:
            assert error.permanent, name
    assert seen > 50
