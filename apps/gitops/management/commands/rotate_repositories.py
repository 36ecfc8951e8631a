"""`rotate_repositories`: encrypts the private keys of repositories with the newest key. Safe to run twice."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.clusters.secrets import SecretUnreadableError
from apps.gitops.sealed import rotate


class Command(BaseCommand):
    help = "Encrypt the private keys of Git repositories with the first of MESHCONSOLE_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            moved = rotate()
        except SecretUnreadableError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{moved} keys were encrypted anew.")
