"""Editions of host sets for tests."""

from __future__ import annotations

from apps.accounts.models import Role, User
from apps.analysis import hostfile
from apps.analysis.hostediting import Place, add_edition, adopt
from apps.analysis.models import HostEdition
from apps.mesh.hostsets import FIRST_EDITION
from tests.factories.people import person

CARDS = """set: cards
edition: "7"
source: the contract
hosts:
  - {host: api.cards.example, tier: required, purpose: payments}
  - {host: reports.cards.example, tier: documented, port: 8443}
"""
NEXT = """set: speedscale
edition: 2026-11
source: a letter of the vendor
hosts:
  - {host: "{app_host}", tier: required}
  - {host: "firehose.{region}.amazonaws.com", tier: documented}
  - {host: telemetry.speedscale.com, tier: required}
"""


def added(text: str, actor: User | None = None) -> HostEdition:
    """The edition that a text says, kept and not in force."""
    hostset = hostfile.read(text, known=FIRST_EDITION)
    return add_edition(actor=actor or administrator(), hostset=hostset, reason="A test.")


def in_use(text: str, *namespaces: str, cluster: str = "*") -> HostEdition:
    """The edition, in force."""
    row = added(text)
    place = Place(cluster=cluster, namespaces=namespaces)
    adopt(actor=administrator(), name=row.name, number=row.number, reason="A test.", place=place)
    return row


def administrator() -> User:
    known = User.objects.filter(username="hosts-admin").first()
    return known or person("hosts-admin", Role.ADMINISTRATOR)
