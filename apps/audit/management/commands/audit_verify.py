"""`audit_verify`: walks the audit chain and names the first row that does not fit.

Exit codes: 0 it holds, 1 a row does not fit, 2 a checkpoint cannot be read, 3 a signature does not hold.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.actions import verify
from apps.audit.chain import Head
from apps.audit.checkpoints import CheckpointError, SignatureError, read

BROKEN, UNREADABLE, FORGED = 1, 2, 3


def _head(text: str) -> Head:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError("A noted head reads NUMBER:HASH, as this command prints it.")
    return Head(int(number), digest)


class Command(BaseCommand):
    help = "Check the hash chain of the audit record, and that what checkpoints name is still there."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="signed heads kept elsewhere")
        parser.add_argument("--public-key", default="", help="the key that signed them, unless it is our own")
        parser.add_argument("--noted", type=_head, metavar="NUMBER:HASH", help="a head written down earlier")

    def handle(self, *args: Any, **options: Any) -> None:
        noted = [options["noted"]] if options["noted"] else []
        if options["checkpoint"]:
            noted += self._kept(options["checkpoint"], options["public_key"])
        report = verify(noted)
        if not report.ok:
            raise CommandError(f"Row {report.first_bad} does not fit. {report.reason}", returncode=BROKEN)
        self.stdout.write(report.reason)
        self.stdout.write(f"head {report.head.seq}:{report.head.hash}")

    def _kept(self, path: Path, public: str) -> list[Head]:
        try:
            return read(path.read_text(encoding="utf-8"), public)
        except SignatureError as error:
            raise CommandError(f"{path}: {error}", returncode=FORGED) from None
        except (OSError, UnicodeError, CheckpointError) as error:
            raise CommandError(f"{path}: {error}", returncode=UNREADABLE) from None
