"""The demonstration's people and clusters are made once, and brought up to date when it is started again."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.accounts.models import RoleBinding, User
from apps.accounts.permissions import Permission, allows
from apps.common.errors import InvalidInputError
from apps.pipeline.demonstration import CAST, people
from apps.pipeline.management.commands.demo_seed import read_fleet

PASSWORDS = {actor.username: f"{actor.username}-password" for actor in CAST}


def fleet_file(folder: Path, **more: object) -> Path:
    """A ready file with one cluster in it."""
    (folder / "ca.pem").write_text("a certificate")
    row = {
        "name": "prod-eu-1",
        "url": "https://127.0.0.1:1",
        "ca_file": str(folder / "ca.pem"),
        "tokens": {"console-writer": "t-1", "rogue": "t-2"},
    }
    path = folder / "ready.json"
    path.write_text(json.dumps({"clusters": [row | more]}))
    return path


@pytest.mark.django_db
def test_everybody_of_the_cast_can_sign_in_and_do_their_part() -> None:
    made = people(PASSWORDS)
    assert all(user.check_password(PASSWORDS[name]) for name, user in made.items())
    assert allows(made["proposer"], Permission.PROPOSE)
    assert not allows(made["proposer"], Permission.APPROVE)
    assert allows(made["approver"], Permission.APPROVE)
    assert allows(made["approver2"], Permission.APPROVE)
    assert not allows(made["administrator"], Permission.APPROVE)
    assert not allows(made["viewer"], Permission.PROPOSE)


@pytest.mark.django_db
def test_a_second_start_adds_nobody_and_follows_a_new_password() -> None:
    people(PASSWORDS)
    before = (User.objects.count(), RoleBinding.objects.count())
    people(PASSWORDS | {"viewer": "another-password"})
    assert (User.objects.count(), RoleBinding.objects.count()) == before
    assert User.objects.get(username="viewer").check_password("another-password")


@pytest.mark.django_db
def test_a_person_without_a_password_is_named() -> None:
    with pytest.raises(InvalidInputError, match="no password for viewer"):
        people({name: word for name, word in PASSWORDS.items() if name != "viewer"})


@pytest.mark.django_db
def test_an_installation_gets_no_demonstration(tmp_path: Path, settings: Settings) -> None:
    settings.MESHCONSOLE_DEMO_PASSWORDS = {}
    with pytest.raises(CommandError, match="Only `make run`"):
        call_command("demo_seed", fleet=fleet_file(tmp_path))
    assert not User.objects.exists()


def test_a_cluster_is_described_by_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "prod-eu-1.yaml").write_text(
        "environment: production\nregion: eu-central-1\nlabels: {tier: gold}\nnamespaces: {}\n"
    )
    place = read_fleet(fleet_file(tmp_path), tmp_path)[0]
    assert (place.environment, place.region, place.labels) == ("production", "eu-central-1", {"tier": "gold"})
    assert (place.token, place.ca_pem) == ("t-1", "a certificate")


def test_a_cluster_that_describes_itself_needs_no_scenario(tmp_path: Path) -> None:
    place = read_fleet(fleet_file(tmp_path, environment="staging"), tmp_path / "nowhere")[0]
    assert place.environment == "staging"


def test_a_fleet_that_is_not_up_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="are the simulated clusters up"):
        read_fleet(tmp_path / "ready.json", tmp_path)
