"""`rotate_webhooks`: encrypts what webhooks keep secret with the newest key. Safe to run twice."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.clusters.secrets import SecretUnreadableError
from apps.notifications.sealed import rotate


class Command(BaseCommand):
    help = "Encrypt the addresses and secrets of webhooks with the first of MESHCONSOLE_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            moved = rotate()
        except SecretUnreadableError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{moved} webhooks were encrypted anew.")
