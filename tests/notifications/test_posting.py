"""What is dialled and what is not, and that nothing a receiver does holds a worker."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.notifications import post
from tests.notifications.conftest import SECRET
from tests.notifications.receiver import Receiver, receiving


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https:///nothing",
        "https://user:pw@example.com/",
        "https://127.0.0.1/#x",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://10.1.2.3/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: x",
        "https://example.com:99999/",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_must_not_be_dialled_is_refused(url: str) -> None:
    with pytest.raises(post.NotDeliveredError):
        post.target(url)


def test_loopback_is_refused_unless_the_installation_names_it(settings: Settings) -> None:
    settings.MESHCONSOLE_CLUSTER_NETWORKS = []
    with pytest.raises(post.NotDeliveredError, match="this machine"):
        post.target("https://127.0.0.1:8443/")


def test_plain_http_is_dialled_on_this_machine_only_and_only_where_it_is_allowed(
    settings: Settings, tmp_path: Path
) -> None:
    with receiving(SECRET, tmp_path, tls=False) as receiver:
        with pytest.raises(post.NotDeliveredError, match="Only https"):
            post.post(receiver.url, b"{}", {})
        settings.MESHCONSOLE_WEBHOOK_HTTP_LOOPBACK = True
        assert post.post(receiver.url, b"{}", {}).accepted
        with pytest.raises(post.NotDeliveredError, match="Only https"):
            post.target("http://192.0.2.1/".replace("192.0.2.1", "8.8.8.8"))


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with (
        receiving(SECRET, tmp_path) as receiver,
        pytest.raises(post.NotDeliveredError, match="certificate"),
    ):
        post.post(receiver.url, b"{}", {})


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [302], {"Location": receiver.url}
    answer = post.post(receiver.url, b"{}", {})
    assert (answer.status, answer.accepted, len(receiver.got)) == (302, False, 1)


def test_of_a_long_answer_a_short_plain_excerpt_is_kept(receiver: Receiver) -> None:
    receiver.answers, receiver.says = [200], b"<b>\x1b[31m" + b"a" * 1_000_000
    answer = post.post(receiver.url, b"{}", {})
    assert len(answer.excerpt) <= post.EXCERPT
    assert "\x1b" not in answer.excerpt


def test_an_answer_that_drips_is_cut_off(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "TOTAL_SECONDS", 0.5)
    receiver.drips = True
    began = time.monotonic()
    with pytest.raises(post.NotDeliveredError, match="did not answer"):
        post.post(receiver.url, b"{}", {})
    assert time.monotonic() - began < 3


def test_nobody_there_is_said_without_the_secret_path(trusting: Settings) -> None:
    with pytest.raises(post.NotDeliveredError) as failure:
        post.post("https://127.0.0.1:1/s3cr3t-path", b"{}", {})
    assert "s3cr3t" not in str(failure.value)
