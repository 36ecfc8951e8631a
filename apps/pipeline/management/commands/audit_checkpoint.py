"""`audit_checkpoint`: signs the head of the audit record, ships it, and prints it.

Exit codes: 0 done, also when nothing is new; 2 there is no key.
"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit import checkpoints
from apps.audit.selectors import last_checkpoint
from apps.pipeline.checkpoints import take


class Command(BaseCommand):
    help = "Sign the head of the audit record and print it as a line of JSON to be kept elsewhere."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--public-key", action="store_true", help="print what others check it with")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["public_key"]:
                self.stdout.write(checkpoints.public_key())
                return
            made = take() or last_checkpoint()
        except checkpoints.NoKeyError as error:
            raise CommandError(str(error), returncode=2) from None
        if made is not None:
            self.stdout.write(checkpoints.as_line(made))
