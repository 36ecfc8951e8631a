"""`rotate_credentials`: every stored credential under the newest key. Run it after adding a key in front."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.clusters.actions import rotate_credentials


class Command(BaseCommand):
    help = "Encrypt every cluster credential under the newest key, so that older keys can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        done, failed = rotate_credentials()
        self.stdout.write(f"{done} credentials are now under the newest key.")
        if failed:
            raise CommandError(
                f"{failed} credentials can be read with no present key. Replace them, or bring the key back."
            )
