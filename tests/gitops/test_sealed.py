"""Private keys at rest: bound to their row, rotated, and refused without the encryption key."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.accounts.models import User
from apps.clusters.secrets import SecretUnreadableError, current_key
from apps.gitops import actions, sealed
from apps.gitops.models import Repository
from tests.factories.people import person
from tests.gitops.test_ssh import KEY


@pytest.fixture
def dora(db: None) -> User:
    return person("dora")


@pytest.fixture
def kept(dora: User) -> Repository:
    line = f"git.example.com {sealed.public_half(sealed.read_key(KEY))}"
    return actions.make_repository(
        actor=dora, name="mesh", url="git@git.example.com:x.git", known_hosts=line, private_key=KEY
    )


def test_a_ciphertext_that_was_moved_to_another_row_is_refused(kept: Repository) -> None:
    other = Repository.objects.create(name="other", url=kept.url, branch="main", ciphertext=kept.ciphertext)
    with pytest.raises(SecretUnreadableError):
        sealed.unseal(other)


def test_keys_are_rotated_and_the_old_one_can_go(kept: Repository, settings: Settings) -> None:
    new = Fernet.generate_key().decode()
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [new, *settings.MESHCONSOLE_ENCRYPTION_KEYS]
    out = StringIO()
    call_command("rotate_repositories", stdout=out)
    call_command("rotate_repositories", stdout=out)
    assert out.getvalue().split("\n")[:2] == ["1 keys were encrypted anew.", "0 keys were encrypted anew."]
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [new]
    kept.refresh_from_db()
    assert current_key(kept.ciphertext)
    assert sealed.unseal(kept).get_base64() == sealed.read_key(KEY).get_base64()


def test_without_the_encryption_key_it_says_what_to_do(
    kept: Repository, dora: User, settings: Settings
) -> None:
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError):
        call_command("rotate_repositories")
    assert "Give it again" in actions.test_repository(actor=dora, repository=kept)
