"""The ASGI side of a cluster: bytes in, answer or stream out, and the faults that tests plan.

The only file that knows ASGI and the server's transport. Everything about Kubernetes is in `handling`.
"""

import asyncio
import gzip
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import format_datetime
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from apps.simcluster.admission import calls_out
from apps.simcluster.asked import asked
from apps.simcluster.breaking import BODY_KINDS, Broken, broken, instead, watched, whole
from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import ApiError
from apps.simcluster.faults import Fault, FaultKind, Faults
from apps.simcluster.handling import MAX_BODY_BYTES, handle, refusal
from apps.simcluster.messages import JSON, Request, Response, parse_query
from apps.simcluster.outages import trouble
from apps.simcluster.watching import WatchRequest

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

GZIP_FROM_BYTES = 128 * 1024
GZIP_LEVEL = 1
NO_CONTENT, NOT_MODIFIED = 204, 304
ABORT = "simcluster.abort"
REMEMBERED = 10_000
NOTICE_SECONDS = 0.05  # until the server has noticed what was done to a connection
READERS = ("curl", "Wget", "Mozilla/5.0")
logger = logging.getLogger("apps.simcluster")


class Protocol(HttpToolsProtocol):
    """HTTP as usual, and a way for the application to drop the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort


class Application:
    """The ASGI application of one cluster.

    `requests` remembers (method, path with query), newest last; `asked` counts all there ever were.
    """

    def __init__(self, cluster: Cluster, faults: Faults) -> None:
        self.cluster = cluster
        self.faults = faults
        self.requests: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        if body is None:
            return
        request = _request(scope, body)
        query = scope["query_string"].decode("latin-1")
        self.asked += 1
        self.requests.append((request.method, f"{request.path}?{query}" if query else request.path))
        send = self._dated(send)
        struck = self.faults.take(lambda: asked(self.cluster, request))
        if struck.pause:
            await asyncio.sleep(struck.pause)
        fault = struck.fault
        if fault is not None and await self._fails(fault, request, scope, send):
            return
        if await self._in_trouble(request, scope, send):
            return
        if request.method not in ("GET", "HEAD") and calls_out(self.cluster):
            answer = await asyncio.to_thread(self._answer, request)  # it may wait for a webhook
        else:
            answer = self._answer(request)
        if fault is not None and fault.kind is FaultKind.LOST_ANSWER:
            await _abort(scope)
        elif isinstance(answer, WatchRequest):
            await _stream(Response(200), watched(fault, answer), scope, receive, send)
        elif fault is not None and fault.kind in BODY_KINDS:
            await _stream(answer, broken(fault, whole(answer.body)), scope, receive, send)
        else:
            await _send(answer, request, send)

    async def _in_trouble(self, request: Request, scope: Scope, send: Send) -> bool:
        """Answer as the cluster's outage demands; false when the request is served as usual."""
        self.cluster.outage = self.faults.outage  # the health checks tell
        found = trouble(self.faults.outage, request, self.faults.longest_wait)
        if found is None:
            return False
        await asyncio.sleep(found.seconds)
        if found.response is None:
            await _abort(scope)
        else:
            await _send(found.response, None, send)
        return True

    def _answer(self, request: Request) -> Response | WatchRequest:
        try:
            return handle(self.cluster, request)
        except Exception:
            logger.exception("%s: %s %s failed", self.cluster.name, request.method, request.path)
            return refusal(
                ApiError(500, "InternalError", "Internal error occurred: the simulated server failed")
            )

    async def _fails(self, fault: Fault, request: Request, scope: Scope, send: Send) -> bool:
        """Carry out a fault that comes before the work; true when the request is done with."""
        if fault.kind is FaultKind.RESET:
            await _abort(scope)
            return True
        answer = instead(fault, asked(self.cluster, request))
        if answer is not None:
            await _send(answer, None, send)
        return answer is not None

    def _dated(self, send: Send) -> Send:
        """Sends answers with the time of the cluster's clock."""

        async def dated(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self.cluster.now(), usegmt=True).encode()
                message["headers"] = [(b"date", date), *message["headers"]]
            await send(message)

        return dated


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; one byte more than the limit at most, the rest is thrown away. None: client is gone."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk[: MAX_BODY_BYTES + 1 - size])
        size += len(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _request(scope: Scope, body: bytes) -> Request:
    lists: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        lists.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=parse_query(scope["query_string"].decode("latin-1")),
        headers={name: values[0] for name, values in lists.items()},
        body=body,
        header_lists=lists,
    )


def _headers(answer: Response) -> list[tuple[bytes, bytes]]:
    pairs = [("audit-id", str(uuid.uuid4())), ("cache-control", "no-cache, private"), *answer.headers]
    if answer.status != NOT_MODIFIED:  # a cached answer keeps its own type
        pairs.append(("content-type", answer.content_type))
    return [(name.encode("latin-1"), value.encode("utf-8")) for name, value in pairs]


async def _send(answer: Response, request: Request | None, send: Send) -> None:
    body, headers = answer.body, _headers(answer)
    if request is not None and answer.content_type == JSON and body and _wants_pretty(request):
        body = msgspec.json.format(body, indent=2) + b"\n"
    accepts = request is not None and "gzip" in request.headers.get("accept-encoding", "")
    if accepts and len(body) > GZIP_FROM_BYTES and answer.content_type.startswith(JSON):
        body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL)
        headers.append((b"content-encoding", b"gzip"))
        headers.append((b"vary", b"Accept-Encoding"))
    if answer.status in (NO_CONTENT, NOT_MODIFIED):
        body = b""
    else:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _wants_pretty(request: Request) -> bool:
    """Asked for, or the client looks like somebody who reads the answer."""
    if "pretty" in request.query:
        return request.flag("pretty")
    return request.headers.get("user-agent", "").startswith(READERS)


async def _stream(
    answer: Response, parts: AsyncIterator[bytes], scope: Scope, receive: Receive, send: Send
) -> None:
    """Send the parts of a body until they end, the client leaves or a fault cuts the connection.

    The length is announced when the answer has a body; a watch has none.
    """
    headers = _headers(answer)
    if answer.body:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    sender = asyncio.ensure_future(_send_parts(parts, send))
    gone = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({sender, gone}, return_when=asyncio.FIRST_COMPLETED)
        if sender.done():
            await sender
            await send({"type": "http.response.body", "body": b""})
    except Broken:
        await asyncio.sleep(NOTICE_SECONDS)
        await _abort(scope)
    finally:
        for task in (sender, gone):
            task.cancel()
        await asyncio.gather(sender, gone, return_exceptions=True)


async def _send_parts(parts: AsyncIterator[bytes], send: Send) -> None:
    async for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _abort(scope: Scope) -> None:
    """Drop the connection; returns when the server has noticed, so that it sends nothing of its own."""
    scope["state"][ABORT]()
    await asyncio.sleep(NOTICE_SECONDS)
