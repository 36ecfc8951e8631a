"""A kubeconfig is read and never run: six fields can be used, every dangerous one is refused by name."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.clusters import kubeconfig
from apps.common.errors import InvalidInputError
from tests.factories.certificates import ca_pem, pair

TOKEN = "canary-token-0123456789abcdef"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    body = {"server": "https://api.example.test:6443", "certificate-authority-data": encoded(ca_pem())}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {**body, **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
    }


def text(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> str:
    return yaml.safe_dump(document(cluster, user))


def refused(config: str, context: str = "") -> str:
    with pytest.raises(InvalidInputError) as caught:
        kubeconfig.read(config, context)
    return caught.value.message


def test_a_token_and_a_ca_are_taken_from_the_current_context() -> None:
    found = kubeconfig.read(text({"tls-server-name": "api.internal"}))
    assert (found.server, found.host, found.port) == (
        "https://api.example.test:6443",
        "api.example.test",
        6443,
    )
    assert (found.secret.token, found.tls_server_name) == (TOKEN, "api.internal")
    assert found.ca_pem == ca_pem()


def test_a_client_certificate_is_taken_with_its_key() -> None:
    both = pair("someone")
    user = {"client-certificate-data": encoded(both.certificate), "client-key-data": encoded(both.key)}
    found = kubeconfig.read(text(user=user))
    assert found.secret.kind == "client_certificate"
    assert found.secret.expires_at is not None


def test_a_key_that_belongs_to_another_certificate_is_refused() -> None:
    user = {
        "client-certificate-data": encoded(pair("someone").certificate),
        "client-key-data": encoded(pair("other").key),
    }
    assert "does not belong" in refused(text(user=user))


def test_secrets_do_not_show_in_the_repr() -> None:
    both = pair("someone")
    user = {"client-certificate-data": encoded(both.certificate), "client-key-data": encoded(both.key)}
    shown = repr(kubeconfig.read(text())) + repr(kubeconfig.read(text(user=user)))
    assert TOKEN not in shown
    assert "PRIVATE" not in shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("certificate-authority", "/etc/passwd"),
        ("insecure-skip-tls-verify", True),
        ("proxy-url", "http://proxy.example:3128"),
        ("something-new", "x"),
    ],
)
def test_what_a_cluster_entry_must_not_say_is_refused_by_name(field: str, value: Any) -> None:
    message = refused(text({field: value}))
    assert f"clusters[c].cluster.{field} " in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (
            "exec",
            {"command": "touch", "args": ["/tmp/owned"], "apiVersion": "client.authentication.k8s.io/v1"},
        ),
        ("auth-provider", {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}),
        ("tokenFile", "/var/run/secrets/token"),
        ("client-certificate", "/etc/ssl/cert.pem"),
        ("client-key", "/etc/ssl/key.pem"),
        ("username", "admin"),
        ("password", "hunter2"),
        ("as", "system:admin"),
        ("as-uid", "1"),
        ("as-groups", ["system:masters"]),
        ("as-user-extra", {"a": ["b"]}),
        ("something-new", "x"),
    ],
)
def test_what_a_user_entry_must_not_say_is_refused_by_name(field: str, value: Any) -> None:
    message = refused(text(user={"token": TOKEN, field: value}))
    assert f"users[u].user.{field} " in message
    assert TOKEN not in message
    assert "hunter2" not in message


def test_every_refusal_says_what_to_do_instead() -> None:
    for field in ("exec", "auth-provider", "username"):
        assert "service account" in refused(text(user={field: {"x": "y"}}))
    assert "certificate-authority-data" in refused(text({"insecure-skip-tls-verify": True}))


def test_nothing_is_executed_or_read(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    user = {"exec": {"command": "/bin/sh", "args": ["-c", f"touch {mark}"]}, "tokenFile": str(mark)}
    refused(text(user=user))
    assert not mark.exists()


def test_another_context_may_be_dangerous_as_long_as_it_is_not_chosen() -> None:
    config = document()
    config["users"].append({"name": "bad", "user": {"exec": {"command": "sh"}}})
    config["contexts"].append({"name": "bad", "context": {"cluster": "c", "user": "bad"}})
    assert kubeconfig.contexts(yaml.safe_dump(config)).names == ("main", "bad")
    assert kubeconfig.read(yaml.safe_dump(config), "main").secret.token == TOKEN
    assert "exec" in refused(yaml.safe_dump(config), "bad")
    assert "main, bad" in refused(yaml.safe_dump(config), "none")


def test_a_context_can_be_left_out_when_there_is_one() -> None:
    config = document()
    del config["current-context"]
    assert kubeconfig.read(yaml.safe_dump(config)).secret.token == TOKEN


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (BOMB, "aliases"),
        ("x" * (20 * 1024 * 1024), "64 KiB"),
        ("é" * 40_000, "64 KiB"),
        ("[" * 5000, "nested"),
        ("{a: " * 5000, "nested"),
        ("kind: Pod\n", "not a kubeconfig"),
        ("[]", "not a kubeconfig"),
        ("", "not a kubeconfig"),
        ("just text", "not a kubeconfig"),
        ("a: [b\n", "not valid YAML (line 2)"),
        ("!!python/object/apply:os.system ['id']", "not valid YAML"),
        ("\x00\x01", "not valid YAML"),
        ("kind: Config\n", "no contexts"),
        ("kind: Config\ncontexts: {a: b}\n", "contexts is not a list"),
        ("kind: Config\n---\nkind: Config\n", "not valid YAML"),
    ],
)
def test_what_is_no_kubeconfig_gets_a_sentence(config: str, word: str) -> None:
    assert word in refused(config)


@pytest.mark.parametrize(
    ("server", "word"),
    [
        ("http://api.example.test", "https://"),
        ("ftp://api.example.test", "https://"),
        ("javascript:alert(1)", "https://"),
        ("https://", "not a URL"),
        ("https://host:99999", "not a URL"),
        ("https://user:pass@host", "user name"),
        ("https://host/path?x=1", "nothing after it"),
        ("https://host\\@evil", "user name"),
        ("https://[::1", "not a URL"),
    ],
)
def test_a_server_that_is_no_https_url_is_refused(server: str, word: str) -> None:
    assert word in refused(text({"server": server}))


@pytest.mark.parametrize(
    ("cluster", "user", "word"),
    [
        ({"certificate-authority-data": ""}, None, "CA certificate is missing"),
        ({"certificate-authority-data": "!!!"}, None, "not base64"),
        ({"certificate-authority-data": encoded("no pem")}, None, "not a PEM certificate"),
        ({"certificate-authority-data": encoded(pair("x").key)}, None, "private key"),
        ({"tls-server-name": "a b"}, None, "TLS server name"),
        ({}, {}, "token is missing"),
        ({}, {"token": "with space"}, "characters"),
        ({}, {"token": "line\nbreak"}, "characters"),
        ({}, {"client-certificate-data": encoded(pair("x").certificate)}, "other half"),
    ],
)
def test_parts_that_cannot_be_used_are_refused(cluster: Any, user: Any, word: str) -> None:
    assert word in refused(text(cluster, user))


def test_reading_does_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    monkeypatch.setattr(os, "open", lambda *a, **k: pytest.fail("a file was opened"))
    assert kubeconfig.read(text()).secret.token == TOKEN
