"""The gateway over real TLS: what is sent, how much is read, and what silence and strangers become."""

# ruff: noqa: SIM117 (what fails is shown apart from what is prepared)

from __future__ import annotations

import gzip
import logging
import os
import socket
import threading
import time
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import urllib3

from apps.clusters import gateway as g
from apps.clusters.connection import Secret
from apps.clusters.kube import transport
from apps.clusters.kube.gateway import open_kube
from tests.factories.certificates import pair
from tests.factories.stub_api import TOKEN, Answer, Asked, Reply, Stub, stub_api

SIDECARS = g.Resource("networking.istio.io", "v1", "sidecars", "Sidecar")
SIDECAR = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"namespace": "shop", "name": "default", "uid": "u", "resourceVersion": "7"},
    "spec": {},
}


def opened(stub: Stub, **more: Any) -> g.ClusterGateway:
    return open_kube(stub.connection(**more), ip_address("127.0.0.1"))


def always(reply: Reply) -> Answer:
    return lambda _asked: reply


def test_requests_carry_the_token_our_name_and_ask_for_gzip() -> None:
    with stub_api(always(Reply({"gitVersion": "v1.36.2"}))) as stub, opened(stub) as gateway:
        assert gateway.version().git_version == "v1.36.2"
    headers = stub.asked[0].headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert (headers["User-Agent"], headers["Accept-Encoding"]) == ("meshconsole", "gzip")
    assert headers["Host"] == f"127.0.0.1:{stub.port}"


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    with stub_api(always(Reply({"gitVersion": "v1"}))) as stub, opened(stub) as gateway:
        assert gateway.version().git_version == "v1"


def test_a_client_certificate_is_presented_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    modes: list[int] = []
    real = transport._load_pair

    def noting(context: Any, secret: Secret) -> None:
        fdopen = os.fdopen

        def seen(descriptor: int, *args: Any) -> Any:
            modes.append(os.fstat(descriptor).st_mode & 0o777)
            return fdopen(descriptor, *args)

        monkeypatch.setattr("os.fdopen", seen)
        real(context, secret)
        monkeypatch.setattr("os.fdopen", fdopen)

    monkeypatch.setattr(transport, "_load_pair", noting)
    both = pair("someone")
    secret = Secret(client_certificate=both.certificate, client_key=both.key)
    with stub_api(always(Reply({"gitVersion": "v1"})), secret=secret) as stub, opened(stub) as gateway:
        gateway.version()
        assert modes == [0o600]
        assert list(tmp_path.glob("meshconsole-*")) == []
    assert "Authorization" not in stub.asked[0].headers


def test_a_server_that_another_authority_signed_is_not_trusted() -> None:
    with stub_api(always(Reply())) as stub, opened(stub, ca="other-ca") as gateway:
        with pytest.raises(g.UnreachableError, match="not signed by the given CA"):
            gateway.version()
    assert stub.asked == []


def test_the_certificate_must_be_for_the_host_or_the_given_name() -> None:
    certificate = pair("api.internal", addresses=())
    with stub_api(always(Reply({"gitVersion": "v1"})), certificate=certificate) as stub:
        with opened(stub) as gateway, pytest.raises(g.UnreachableError, match="another name"):
            gateway.version()
        with opened(stub, name="api.internal") as gateway:
            gateway.version()
        with opened(stub, host="api.internal") as gateway:
            gateway.version()
    assert stub.asked[-1].headers["Host"] == f"api.internal:{stub.port}"


def test_nothing_is_dialled_but_the_pinned_address(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []
    real = urllib3.util.connection.create_connection

    def noting(address: tuple[str, int], *args: Any, **more: Any) -> Any:
        dialled.append(address[0])
        return real(address, *args, **more)

    monkeypatch.setattr("urllib3.util.connection.create_connection", noting)
    certificate = pair("api.rebinding.test", addresses=())
    with stub_api(always(Reply({"gitVersion": "v1"})), certificate=certificate) as stub:
        with opened(stub, host="api.rebinding.test") as gateway:
            gateway.version()
    assert dialled == ["127.0.0.1"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with stub_api(always(Reply(status=status, headers={"Location": "https://127.0.0.1:1/"}))) as stub:
        with opened(stub) as gateway, pytest.raises(g.UnreachableError, match="redirect"):
            gateway.version()
    assert len(stub.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_nothing_is_retried(status: int) -> None:
    with (
        stub_api(always(Reply(status=status, headers={"Retry-After": "1"}))) as stub,
        opened(stub) as gateway,
    ):
        with pytest.raises(g.GatewayError):
            gateway.version()
        with pytest.raises(g.GatewayError):
            gateway.apply(SIDECARS, SIDECAR, dry_run=False)
    assert len(stub.asked) == 2


def test_a_closed_port_is_no_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    connection = replace(Stub(port, [], Secret(token=TOKEN)).connection())
    with open_kube(connection, ip_address("127.0.0.1")) as gateway:
        with pytest.raises(g.UnreachableError, match="refused or has no route"):
            gateway.version()
        with pytest.raises(g.UnreachableError):  # nothing was sent, so the outcome is known
            gateway.apply(SIDECARS, SIDECAR, dry_run=False)


def test_a_lost_answer_leaves_a_write_unknown_and_a_read_unreachable() -> None:
    with stub_api(always(Reply(silent=True))) as stub, opened(stub) as gateway:
        with pytest.raises(g.OutcomeUnknownError):
            gateway.apply(SIDECARS, SIDECAR, dry_run=False)
        with pytest.raises(g.UnreachableError):
            gateway.apply(SIDECARS, SIDECAR, dry_run=True)
        with pytest.raises(g.OutcomeUnknownError):
            gateway.delete(SIDECARS, "shop", "default", uid="u", resource_version="7", dry_run=False)
        with pytest.raises(g.UnreachableError):
            gateway.version()
    assert len(stub.asked) == 4


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(_asked: Asked) -> Reply:
        release.wait(5)
        return Reply()

    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    with stub_api(hang) as stub:
        slow = transport.Transport(stub.connection(), ip_address("127.0.0.1"), read_seconds=0.2)
        began = time.monotonic()
        with pytest.raises(g.OutcomeUnknownError, match="in time"):
            slow.send("PATCH", "/x", body={}, writing=True)
        assert time.monotonic() - began < 3
        release.set()
        slow.close()


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_beyond_the_limit_is_not_read(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"gitVersion":"' + b"x" * 3_000_000 + b'"}'
    headers = {"Content-Encoding": "gzip"} if packed else {}
    defaults = {**(transport.Transport.send.__kwdefaults__ or {}), "limit": 1_000_000}
    monkeypatch.setattr(transport.Transport.send, "__kwdefaults__", defaults)
    with stub_api(always(Reply(gzip.compress(body) if packed else body, headers=headers))) as stub:
        with opened(stub) as gateway, pytest.raises(g.TooLargeError):
            gateway.version()


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"[" * (200 * 1024 * 1024), compresslevel=1)
    with stub_api(always(Reply(bomb, headers={"Content-Encoding": "gzip"}))) as stub:
        with opened(stub) as gateway, pytest.raises(g.TooLargeError, match="64 MiB"):
            gateway.version()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>hello</html>"),
        Reply(b"[1,2]"),
        Reply(b"{" * 100_000),
        Reply(b"\x1f\x8bnonsense", headers={"Content-Encoding": "gzip"}),
        Reply(b"{}", headers={"Content-Encoding": "br"}),
    ],
)
def test_an_answer_that_is_no_kubernetes_is_a_sentence(reply: Reply) -> None:
    with stub_api(always(reply)) as stub, opened(stub) as gateway:
        with pytest.raises(g.TooLargeError):
            gateway.version()
        with pytest.raises(g.OutcomeUnknownError):
            gateway.apply(SIDECARS, SIDECAR, dry_run=False)


def test_a_truncated_gzip_is_noticed() -> None:
    whole = gzip.compress(b'{"gitVersion":"v1"}' + b" " * 10_000)
    with stub_api(always(Reply(whole[:-9], headers={"Content-Encoding": "gzip"}))) as stub:
        with opened(stub) as gateway, pytest.raises(g.UnreachableError, match="too early"):
            gateway.version()


def test_the_token_is_taken_out_of_whatever_a_server_says() -> None:
    body = {"kind": "Status", "message": f"you sent {TOKEN}", "code": 403, "reason": "Forbidden"}
    with stub_api(always(Reply(body, status=403))) as stub, opened(stub) as gateway:
        with pytest.raises(g.ForbiddenError) as caught:
            gateway.version()
    assert TOKEN not in f"{caught.value} {caught.value.message} {caught.value!r}"


def test_the_token_is_in_no_log_no_repr_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with stub_api(always(Reply(status=500))) as stub, opened(stub) as gateway:
        with pytest.raises(g.GatewayError) as caught:
            gateway.version()
        shown = repr(gateway) + repr(stub.connection()) + str(caught.getrepr(showlocals=False))
    assert TOKEN not in caplog.text + shown
