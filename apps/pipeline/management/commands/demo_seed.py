"""`manage.py demo_seed`: the demonstration's people and clusters. Safe to run again.

Reads what the simulated clusters wrote about themselves; knows nothing else of them.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.common.errors import InvalidInputError
from apps.pipeline.demonstration import REGISTRAR, Place, cluster, people, wait_until_read

WRITER = "console-writer"
ABOUT = ("environment", "region", "owner_team", "labels")


class Command(BaseCommand):
    """Makes what is missing and follows clusters whose port has changed."""

    help = "Make the demonstration's people and register its clusters, or bring both up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--fleet` names the ready file of the simulated clusters."""
        parser.add_argument("--fleet", type=Path, required=True, help="ready file of `manage.py simcluster`")
        parser.add_argument(
            "--wait", type=float, default=0, help="seconds to wait until the workers have read every cluster"
        )
        parser.add_argument(
            "--scenarios", type=Path, default=Path("apps/simcluster/scenarios"), help="what the clusters are"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises CommandError with a sentence."""
        passwords = getattr(settings, "MESHCONSOLE_DEMO_PASSWORDS", None)
        if not passwords:
            raise CommandError(
                "Only `make run` makes the demonstration: MESHCONSOLE_DEMO_PASSWORDS is not set."
            )
        try:
            registrar = people(passwords)[REGISTRAR]
            places = read_fleet(options["fleet"], options["scenarios"])
            for place in places:
                self.stdout.write(f"{place.name}: {cluster(registrar, place)}")
        except InvalidInputError as error:
            raise CommandError(error.message) from error
        unread = wait_until_read([place.name for place in places], seconds=options["wait"])
        if unread:
            self.stdout.write(f"Not read yet: {', '.join(unread)}")


def read_fleet(ready: Path, scenarios: Path) -> list[Place]:
    """The clusters of a ready file with what their scenario says of them. Raises CommandError."""
    try:
        described = json.loads(ready.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{ready} cannot be read: are the simulated clusters up?") from error
    return [_place(row, _about(row, scenarios / f"{row['name']}.yaml")) for row in described["clusters"]]


def _about(row: dict[str, Any], scenario: Path) -> dict[str, Any]:
    if "environment" in row:
        return row
    if not scenario.exists():
        raise CommandError(f"{scenario} is missing, so nothing says what {row['name']} is.")
    about: dict[str, Any] = yaml.safe_load(scenario.read_text(encoding="utf-8"))
    return about


def _place(row: dict[str, Any], about: dict[str, Any]) -> Place:
    told = {name: about.get(name) for name in ABOUT}
    return Place(
        name=row["name"],
        environment=told["environment"] or "lab",
        region=told["region"] or "",
        owner_team=told["owner_team"] or "",
        labels=told["labels"] or {},
        server=row["url"],
        ca_pem=Path(row["ca_file"]).read_text(encoding="utf-8"),
        token=row["tokens"][WRITER],
    )
