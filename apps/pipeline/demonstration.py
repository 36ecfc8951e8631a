"""Makes the demonstration's people and registers its clusters, or brings both up to date.

Goes through the same actions as everybody else, so that the audit record tells the story from its first
line. Must not know how the demonstration's clusters are made: it is handed their addresses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from time import monotonic, sleep

from apps.accounts.actions import grant_role, make_person
from apps.accounts.models import Role, User
from apps.audit.actions import record
from apps.clusters.actions import register_cluster, replace_credential
from apps.clusters.models import Cluster, HealthState
from apps.common.errors import InvalidInputError
from apps.inventory.actions import request_refresh


@dataclass(frozen=True, slots=True)
class Actor:
    """A person of the demonstration and the roles they hold everywhere."""

    username: str
    first_name: str
    last_name: str
    roles: tuple[Role, ...]


CAST = (
    Actor("viewer", "Ana", "Lindqvist", (Role.VIEWER,)),
    Actor("proposer", "Priya", "Raman", (Role.PROPOSER,)),
    Actor("approver", "Sam", "Okafor", (Role.APPROVER,)),
    Actor("approver2", "Noor", "Haddad", (Role.APPROVER,)),
    Actor("administrator", "Omar", "Benali", (Role.ADMINISTRATOR, Role.OPERATOR)),
)
REGISTRAR = "administrator"
LOOK_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster of the demonstration: what it is called, where it answers and what lets the console in."""

    name: str
    environment: str
    region: str
    owner_team: str
    labels: Mapping[str, str]
    server: str
    ca_pem: str
    token: str


def people(passwords: Mapping[str, str]) -> dict[str, User]:
    """The cast with these passwords, by user name. Raises InvalidInputError when one has none."""
    missing = [actor.username for actor in CAST if not passwords.get(actor.username)]
    if missing:
        raise InvalidInputError(f"There is no password for {', '.join(missing)}.", field="password")
    return {actor.username: _person(actor, passwords[actor.username]) for actor in CAST}


def _person(actor: Actor, password: str) -> User:
    user = User.objects.filter(username=actor.username).first()
    if user is None:
        user = make_person(
            actor=None,
            username=actor.username,
            password=password,
            email=f"{actor.username}@shop.example",
            first_name=actor.first_name,
            last_name=actor.last_name,
        )
    elif not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    for role in actor.roles:
        grant_role(actor=None, user=user, role=role)
    return user


def cluster(registrar: User, place: Place) -> str:
    """Register the cluster, or follow it to its new address; a word for what was done.

    Raises InvalidInputError when it does not answer or refuses the credential.
    """
    known = Cluster.objects.filter(name=place.name).first()
    if known is None:
        made = register_cluster(
            actor=registrar,
            name=place.name,
            environment=place.environment,
            region=place.region,
            owner_team=place.owner_team,
            labels=place.labels,
            server=place.server,
            ca_pem=place.ca_pem,
            token=place.token,
        )
        request_refresh(actor=None, cluster=made, trigger="registration")
        return "registered"
    if (known.server, known.ca_pem) == (place.server, place.ca_pem):
        return "unchanged"
    known.server, known.ca_pem = place.server, place.ca_pem
    known.save(update_fields=["server", "ca_pem"])
    record(
        actor=None,
        action="cluster.move",
        summary=f"The demonstration cluster {place.name} answers at {place.server} now.",
        object_type="cluster",
        object_id=place.name,
        cluster=place.name,
    )
    replace_credential(actor=registrar, cluster=known, token=place.token)
    request_refresh(actor=None, cluster=known, trigger="registration")
    return "moved"


def wait_until_read(names: Collection[str], *, seconds: float) -> tuple[str, ...]:
    """Wait until the workers have read these clusters once; the names of those they have not by then."""
    until = monotonic() + seconds
    while True:
        unread = Cluster.objects.filter(name__in=names, health=HealthState.NEW, paused=False)
        left = tuple(unread.values_list("name", flat=True))
        if not left or monotonic() > until:
            return left
        sleep(LOOK_SECONDS)
