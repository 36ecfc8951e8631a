"""Repositories behind SSH: a real handshake with a real server, and everything that must stop it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.changes.models import ChangeSet
from apps.common.errors import InvalidInputError
from apps.common.models import OutboxMessage
from apps.gitops import actions
from apps.gitops.actions import edit_repository, make_repository, request_push
from apps.gitops.models import Push, Repository
from apps.gitops.pushing import push
from apps.gitops.remote import ssh
from apps.gitops.sealed import read_key
from tests.factories.shop import Shop
from tests.gitops.repositories import Bare, bare
from tests.gitops.sshserver import Server, serving

pytestmark = pytest.mark.django_db(transaction=True)


def new_key(password: str = "") -> str:
    """A private key as OpenSSH writes it."""
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock).decode()


KEY = new_key()


@pytest.fixture
def origin(tmp_path: Path) -> Bare:
    return bare(tmp_path / "git" / "mesh.git")


@pytest.fixture
def server(origin: Bare) -> Iterator[Server]:
    with serving(origin.path.parent, read_key(KEY), read_key(new_key())) as made:
        yield made


def made(shop: Shop, server: Server, **words: str) -> Repository:
    given = {
        "name": "mesh", "url": server.url("mesh.git"), "known_hosts": server.known_hosts, "private_key": KEY,
    }  # fmt: skip
    return make_repository(actor=shop.omar, **{**given, **words})


def pushed(shop: Shop, change: ChangeSet, repository: Repository) -> Push:
    row = push(request_push(actor=shop.omar, change=change, repository=repository).pk)
    assert row is not None
    return row


@pytest.mark.parametrize("served_by", ["git", "dulwich"])
def test_a_change_is_pushed_over_ssh(shop: Shop, origin: Bare, server: Server, served_by: str) -> None:
    if served_by == "dulwich":
        server.git = None
    elif server.git is None:
        pytest.skip("There is no git on PATH.")
    repository = made(shop, server)
    assert actions.test_repository(actor=shop.omar, repository=repository) == ""
    done = pushed(shop, shop.proposed(), repository)
    assert (done.state, done.problem) == (Push.State.DONE, "")
    assert origin.tip(done.branch) == done.commit
    assert len(origin.files(done.branch)) == 2
    origin.check()
    assert server.commands == [
        "git-upload-pack '/mesh.git'",
        "git-upload-pack '/mesh.git'",
        "git-receive-pack '/mesh.git'",
    ]


def test_the_key_is_nowhere_but_encrypted(
    shop: Shop, origin: Bare, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    repository = made(shop, server)
    done = pushed(shop, shop.proposed(), repository)
    body = KEY.splitlines()[2]
    rows = [
        *AuditEvent.objects.values_list("summary", "detail"),
        *OutboxMessage.objects.values_list("arguments"),
    ]
    kept = [
        repository.ciphertext,
        repository.public_key,
        done.problem,
        str(rows),
        caplog.text,
        repr(repository),
    ]
    assert not [text for text in kept if body in text]
    assert repository.public_key == f"ssh-ed25519 {read_key(KEY).get_base64()}"
    edit_repository(
        actor=shop.omar, repository=repository, name="renamed", url=repository.url, branch="main",
        path_template=repository.path_template, layout="plain", known_hosts=repository.known_hosts,
    )  # fmt: skip
    repository.refresh_from_db()
    assert actions.test_repository(actor=shop.omar, repository=repository) == "", "the key stayed"


def test_another_host_key_than_the_known_one_ends_it_before_the_key_is_shown(
    shop: Shop, server: Server
) -> None:
    other = read_key(new_key())
    line = f"[127.0.0.1]:{server.port} {other.get_name()} {other.get_base64()}"
    repository = made(shop, server, known_hosts=line)
    problem = actions.test_repository(actor=shop.omar, repository=repository)
    assert "another host key" in problem
    assert server.tried == []
    assert server.commands == []


def test_a_host_key_of_another_kind_is_no_way_around(shop: Shop, server: Server) -> None:
    other = paramiko.ECDSAKey.generate()
    line = f"[127.0.0.1]:{server.port} {other.get_name()} {other.get_base64()}"
    problem = actions.test_repository(actor=shop.omar, repository=made(shop, server, known_hosts=line))
    assert problem
    assert server.tried == []


def test_a_key_that_is_not_let_in_is_a_sentence(shop: Shop, server: Server) -> None:
    repository = made(shop, server, private_key=new_key())
    problem = actions.test_repository(actor=shop.omar, repository=repository)
    assert "does not let «git» in with this key" in problem


def test_a_server_that_says_nothing_or_is_not_there(
    shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = made(shop, server)
    monkeypatch.setattr(ssh, "ANSWER_SECONDS", 0.3)
    server.silent = True
    assert actions.test_repository(actor=shop.omar, repository=repository)
    server.silent = False
    missing = made(shop, server, name="missing", url=server.url("nothing.git"))
    assert "could not be used" in actions.test_repository(actor=shop.omar, repository=missing)
    Repository.objects.filter(pk=repository.pk).update(
        url="ssh://git@127.0.0.1:1/x.git", known_hosts=server.known_hosts.replace(str(server.port), "1")
    )
    repository.refresh_from_db()
    assert "does not answer" in actions.test_repository(actor=shop.omar, repository=repository)


def test_private_addresses_are_dialled_only_where_the_operator_allows(
    shop: Shop, server: Server, settings: Settings
) -> None:
    repository = made(shop, server)
    settings.MESHCONSOLE_CLUSTER_NETWORKS = []
    problem = actions.test_repository(actor=shop.omar, repository=repository)
    assert "MESHCONSOLE_CLUSTER_NETWORKS" in problem
    assert server.tried == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("known_hosts", "", "No line of known_hosts"),
        ("known_hosts", "example.com ssh-ed25519 AAAA", "A line of known_hosts"),
        ("known_hosts", "@cert-authority * ssh-ed25519 AAAA", "markers"),
        ("private_key", "", "no private key"),
        ("private_key", "ssh-ed25519 AAAA", "no private key"),
        ("private_key", new_key("secret words"), "passphrase"),
        ("url", "ssh://git:hunter2@git.example.com/x.git", "password"),
        ("url", "https://git.example.com/x.git", "Only file and ssh"),
        ("url", "ext::sh -c touch% x", "no address"),
        ("url", "git@git.example.com:../x.git", "path"),
        ("url", "ssh://-oProxyCommand=x/y.git", "host's name"),
        ("url", "git@git.example.com:x'; touch y", "path"),
        ("url", "file://server/x.git", "Only file and ssh"),
        ("url", "/etc", "MESHCONSOLE_GIT_ROOTS"),
        ("branch", "--force", "branch's name"),
        ("path_template", "../{name}.yaml", "no path inside"),
        ("layout", "helm", "Choose one of"),
        ("name", " ", "name"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(
    shop: Shop, server: Server, field: str, value: str, words: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        made(shop, server, **{field: value})
    assert refused.value.field == field
    assert words in refused.value.message
    assert "hunter2" not in refused.value.message
    assert not Repository.objects.exists()


def test_pem_keys_and_windows_line_ends_are_read() -> None:
    key = paramiko.RSAKey.generate(2048)
    text = io.StringIO()
    key.write_private_key(text)
    assert read_key(text.getvalue().replace("\n", "\r\n")).get_base64() == key.get_base64()
