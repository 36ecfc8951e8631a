"""HTTPS to one API server over the official client's configuration and pool, with its defaults tamed.

No retries, no redirects, no proxy from the environment, no default trust, time-outs on everything, a
limit on what is read. The address was checked before and is dialled as a number; the certificate is
checked against the name. Secrets are in memory, but for the moment in which a client certificate is
loaded. Knows HTTP, not Kubernetes.
"""

from __future__ import annotations

import json
import os
import ssl
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject

from apps.clusters import gateway as g
from apps.clusters.connection import Connection, Secret

USER_AGENT = "meshconsole"
CONNECT_SECONDS = 5.0
READ_SECONDS = 40.0  # an API server gives up on a write after 34 s; we wait longer than that
TOTAL_SECONDS = 120.0
ANSWER_LIMIT = 64 * 1024 * 1024  # bytes, decoded
REFUSAL_LIMIT = 256 * 1024
CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    warnings: tuple[str, ...]
    body: bytes


class Transport:
    """Belongs to one thread and one cluster. Close it."""

    def __init__(
        self,
        connection: Connection,
        address: IPv4Address | IPv6Address,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        parts = urlsplit(connection.server)
        shown = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        configuration = Configuration(host=f"https://{shown}:{connection.port}{parts.path}")
        configuration.proxy = None
        configuration.no_proxy = None
        configuration.debug = False
        configuration.verify_ssl = True
        configuration.tls_server_name = connection.tls_server_name or connection.host
        configuration.retries = urllib3.Retry(
            total=0, connect=0, read=0, redirect=0, status=0, other=0, raise_on_redirect=False
        )
        configuration.connection_pool_maxsize = 1
        if connection.secret.token:
            configuration.api_key["authorization"] = connection.secret.token
            configuration.api_key_prefix["authorization"] = "Bearer"
        self._configuration = configuration
        self._secret = connection.secret
        self._host = parts.netloc
        self._read_seconds = read_seconds
        self._pool = RESTClientObject(configuration).pool_manager
        self._pool.connection_pool_kw["ssl_context"] = _tls(connection)

    def close(self) -> None:
        self._pool.clear()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        content_type: str = "application/json",
        writing: bool = False,
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """One request and its whole answer, whatever its status. `writing` is True for a write that is
        not a dry run: a failure after it was sent is OutcomeUnknownError. Raises GatewayError."""
        url = f"{self._configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        deadline = time.monotonic() + TOTAL_SECONDS
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=self._headers(content_type if body is not None else ""),
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self._read_seconds),
                redirect=False,
                preload_content=False,
            )
            try:
                small = response.status >= 300
                data = _read(response, REFUSAL_LIMIT if small else limit, deadline, cut=small)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except urllib3.exceptions.HTTPError as failure:
            raise _silence(failure, writing) from None
        except (g.UnreachableError, g.TooLargeError) as failure:
            raise (g.OutcomeUnknownError(failure.message) if writing else failure) from None
        warnings = tuple(_warning(text) for text in response.headers.getlist("Warning")[:20])
        return Answer(response.status, response.headers, warnings, data)

    def hide(self, text: str) -> str:
        """The text without our own token, should whoever answers repeat it to us."""
        token = self._secret.token
        return text.replace(token, "…") if token and token in text else text

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": USER_AGENT,
            "Host": self._host,
        }
        if content_type:
            headers["Content-Type"] = content_type
        authorization = self._configuration.get_api_key_with_prefix("authorization")
        if authorization:
            headers["Authorization"] = authorization
        return headers


def _tls(connection: Connection) -> ssl.SSLContext:
    """Trusts the cluster's own CA and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=connection.ca_pem)
    if connection.secret.client_key:
        _load_pair(context, connection.secret)
    return context


def _load_pair(context: ssl.SSLContext, secret: Secret) -> None:
    """The ssl module reads a key only from a file: one of mode 0600, gone before anything is dialled."""
    descriptor, path = tempfile.mkstemp(prefix="meshconsole-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret.client_certificate + secret.client_key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)


def _read(response: urllib3.BaseHTTPResponse, limit: int, deadline: float, *, cut: bool) -> bytes:
    """The decoded body, at most `limit` bytes; beyond that it is cut (refusals) or refused."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity", ""}:
        raise g.TooLargeError("The cluster's answer is encoded in a way that was not asked for.")
    parts: list[bytes] = []
    size = 0
    while size <= limit and (chunk := response.read1(CHUNK, decode_content=False)):
        if time.monotonic() > deadline:
            raise g.UnreachableError(f"The cluster did not finish its answer in {TOTAL_SECONDS:.0f} seconds.")
        parts.append(chunk)
        size += len(chunk)
    data = b"".join(parts)
    if encoding == "gzip" and size:
        data = _inflated(data, limit, cut=cut)
    if max(size, len(data)) > limit:
        if not cut:
            raise g.TooLargeError(f"The cluster's answer is larger than {limit // 1024 // 1024} MiB.")
        response.close()
    return data[:limit] if len(data) > limit else data


def _inflated(packed: bytes, limit: int, *, cut: bool) -> bytes:
    """At most one byte more than `limit`. In one call, during which other threads run."""
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, limit + 1)
    except zlib.error:
        raise g.TooLargeError("The cluster's answer is not valid gzip.") from None
    if len(data) <= limit and not inflater.eof and not cut:
        raise g.UnreachableError("The cluster's answer ended too early.")
    return data


def _silence(failure: urllib3.exceptions.HTTPError, writing: bool) -> g.GatewayError:
    """What no answer means. Nothing was sent where there was no connection or no TLS."""
    reason = getattr(failure, "reason", None)
    cause: BaseException = reason if isinstance(reason, BaseException) else failure
    if isinstance(cause, urllib3.exceptions.SSLError | ssl.SSLError):
        return g.UnreachableError(_tls_sentence(cause))
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return g.UnreachableError("The cluster does not answer: the connection was refused or has no route.")
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
        return g.UnreachableError(
            f"The cluster does not answer: no connection in {CONNECT_SECONDS:.0f} seconds."
        )
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        sentence = "The cluster took the request and did not answer in time."
    else:
        sentence = "The connection to the cluster broke before its answer was complete."
    return g.OutcomeUnknownError(sentence) if writing else g.UnreachableError(sentence)


def _tls_sentence(cause: BaseException) -> str:
    text = str(cause)
    if "Hostname mismatch" in text or "IP address mismatch" in text or "doesn't match" in text:
        return "The server's certificate is for another name. Give the TLS server name it was made for."
    if "certificate has expired" in text:
        return "The server's certificate has expired."
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "The server's certificate was not signed by the given CA."
    if "ALERT" in text.upper():
        return "The server refused the TLS connection, perhaps for the client certificate."
    return "No TLS connection came about: the address may not be that of an API server."


def _warning(header: str) -> str:
    """The text of a `299 - "text"` header."""
    _, quote, text = header.partition('"')
    return (text.rpartition('"')[0] if quote else header).replace('\\"', '"')[:500]
