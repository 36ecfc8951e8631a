"""One admission webhook called over HTTPS: the review sent, and what came back or went wrong.

Failures are worded as kube-apiserver words them. It knows nothing of which webhooks to call, or when.
"""

import base64
import http.client
import json
import ssl
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apps.simcluster.errors import ApiError, quoted
from apps.simcluster.schema import Json

REVIEW = "admission.k8s.io/v1"
DEFAULT_SECONDS = 10
MAX_SECONDS = 30
MAX_ANSWER_BYTES = 3_145_728
CHUNK_BYTES = 65_536
LOWEST_REFUSAL = 400
SERVER_ERROR = 500
SERVER_FAILED = 'an error on the server ("unknown") has prevented the request from succeeding'


class CallError(Exception):
    """The webhook could not be asked, or its answer is none. The text follows `failed calling webhook`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    patch: list[Json]
    warnings: tuple[str, ...]
    status: Json | None


ALLOWED = Verdict(allowed=True, patch=[], warnings=(), status=None)


def refused(message: str) -> Verdict:
    """A refusal without a code of its own."""
    return Verdict(allowed=False, patch=[], warnings=(), status={"message": message})


def patched(obj: Json) -> Verdict:
    """Allow, and have the object look like this."""
    names = [name for name in obj if name not in ("apiVersion", "kind")]
    patch = [{"op": "add", "path": f"/{name}", "value": obj[name]} for name in names]
    return Verdict(allowed=True, patch=patch, warnings=(), status=None)


def timeout_of(webhook: Json) -> int:
    """The seconds that a webhook may take."""
    return min(max(int(webhook.get("timeoutSeconds") or DEFAULT_SECONDS), 1), MAX_SECONDS)


def ask(webhook: Json, request: Json) -> Verdict:
    """Put an AdmissionRequest (without uid) to a webhook with a URL; raises `CallError`."""
    uid = str(uuid.uuid4())
    body = {"kind": "AdmissionReview", "apiVersion": REVIEW, "request": {"uid": uid, **request}}
    data = _post(webhook["clientConfig"], json.dumps(body).encode(), timeout_of(webhook))
    return _verdict(_response(data, uid))


def _post(config: Json, body: bytes, seconds: int) -> bytes:
    address = urlsplit(str(config["url"]))
    query = f"{address.query}&" if address.query else ""
    target = f"{address.path or '/'}?{query}timeout={seconds}s"
    shown = f"failed to call webhook: Post {quoted(f'https://{address.netloc}{target}')}"
    try:
        return _exchange(config, address.hostname or "", address.port or 443, target, body, seconds)
    except ssl.SSLCertVerificationError as error:
        why = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        raise CallError(f"{shown}: {why}") from error
    except TimeoutError as error:
        raise CallError(f"{shown}: context deadline exceeded") from error
    except ConnectionRefusedError as error:
        where = f"{address.hostname}:{address.port or 443}"
        raise CallError(f"{shown}: dial tcp {where}: connect: connection refused") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CallError(f"{shown}: {error}") from error


def _exchange(config: Json, host: str, port: int, target: str, body: bytes, seconds: int) -> bytes:
    """Send and read within the time and size limits; OSErrors and TimeoutErrors come through."""
    authority = base64.b64decode(config.get("caBundle") or "").decode()
    context = ssl.create_default_context(cadata=authority or None)
    ends = time.monotonic() + seconds
    connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    try:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", target, body, headers)
        answer = connection.getresponse()
        if answer.status >= SERVER_ERROR:
            raise CallError(f"failed to call webhook: {SERVER_FAILED}")
        if answer.status != http.client.OK:
            text = f"the server responded with the status code {answer.status} but did not return more"
            raise CallError(f"failed to call webhook: {text} information")
        chunks, size = [], 0
        while chunk := answer.read(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if time.monotonic() > ends:
                raise TimeoutError
            if size > MAX_ANSWER_BYTES:
                raise CallError("failed to call webhook: webhook response too large")
        return b"".join(chunks)
    finally:
        connection.close()


def _response(data: bytes, uid: str) -> Json:
    """The `response` of an AdmissionReview that answers this request."""
    invalid = "received invalid webhook response"
    try:
        review = json.loads(data)
    except ValueError as error:
        raise CallError(
            f"failed to call webhook: couldn't get version/kind; json parse error: {error}"
        ) from error
    response = review.get("response") if isinstance(review, dict) else None
    if not isinstance(response, dict):
        raise CallError(f"{invalid}: webhook response was absent")
    group, _, version = str(review.get("apiVersion", "")).rpartition("/")
    if f"{group}/{version}" != REVIEW or review.get("kind") != "AdmissionReview":
        found = f"{group}/{version}, Kind={review.get('kind', '')}"
        raise CallError(
            f"{invalid}: expected webhook response of {REVIEW}, Kind=AdmissionReview, got {found}"
        )
    if response.get("uid") != uid:
        found = quoted(response.get("uid", ""))
        raise CallError(f"{invalid}: expected response.uid={quoted(uid)}, got {found}")
    return response


def _verdict(response: Json) -> Verdict:
    warnings = response.get("warnings") or []
    status = response.get("status")
    return Verdict(
        allowed=response.get("allowed") is True,
        patch=_patch(response),
        warnings=tuple(str(text) for text in warnings) if isinstance(warnings, list) else (),
        status=status if isinstance(status, dict) else None,
    )


def _patch(response: Json) -> list[Json]:
    text = response.get("patch")
    if not text:
        return []
    if response.get("patchType") != "JSONPatch":
        raise CallError(
            "received invalid webhook response: webhook returned response.patch but not response.patchType"
        )
    try:
        operations: Any = json.loads(base64.b64decode(str(text), validate=True))
    except ValueError as error:
        raise CallError(f"received invalid webhook response: {error}") from error
    if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
        raise CallError("received invalid webhook response: the patch is no list of operations")
    return operations


def denied(name: str, verdict: Verdict) -> ApiError:
    """The refusal for a verdict that does not allow: the webhook's own code, never below 400."""
    status = verdict.status or {}
    told = status.get("message") or status.get("reason")
    text = f"admission webhook {quoted(name)} denied the request"
    text += f": {told}" if told else " without explanation"
    code = status.get("code")
    code = code if type(code) is int and LOWEST_REFUSAL <= code < 600 else LOWEST_REFUSAL
    details = status.get("details")
    return ApiError(code, str(status.get("reason") or ""), text, details=details if details else None)
