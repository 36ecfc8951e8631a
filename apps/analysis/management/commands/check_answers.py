"""`manage.py check_answers FILE`: recorded answers of a real istiod against those of the same core.

The exit code is 0 when every verdict without a `differs:` tag agrees, 1 when one does not, and 2 when the
file cannot be used.
"""

from __future__ import annotations

import gzip
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.analysis.management.manifests import USAGE_ERROR
from apps.mesh.answers import Tally, compare_all, describe

GZIP_MAGIC = b"\x1f\x8b"


class Command(BaseCommand):
    help = "Compares recorded egress verdicts (JSON lines, plain or gzip) with this console's own."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="recorded cases, one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        tally = Tally()
        try:
            for compared in compare_all(_lines(options["file"])):
                tally.count(compared)
                if not compared.agrees:
                    self.stdout.write("\n".join(describe(compared)))
        except (OSError, ValueError, EOFError) as error:
            why = f"{options['file']} cannot be read: {error}"
            raise CommandError(why, returncode=USAGE_ERROR) from error
        if not tally.total:
            raise CommandError(f"{options['file']} holds no recorded answer.", returncode=USAGE_ERROR)
        self.stdout.write(str(tally))
        if not tally.passed:
            sys.exit(1)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as plain:
        compressed = plain.read(2) == GZIP_MAGIC
    with gzip.open(path) if compressed else path.open("rb") as file:
        yield from file
