"""`verify_audit`: walks the audit chain, names the first row that does not fit, exits 1 if one does not."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.actions import verify
from apps.audit.chain import Head


def _head(text: str) -> Head:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError("A checkpoint reads NUMBER:HASH, as this command prints it.")
    return Head(int(number), digest)


class Command(BaseCommand):
    help = "Check the hash chain of the audit record; print its head as a checkpoint to keep elsewhere."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--checkpoint", type=_head, help="NUMBER:HASH noted earlier; finds a cut-off end")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify(options["checkpoint"])
        if not report.ok:
            raise CommandError(f"Row {report.first_bad} does not fit. {report.reason}")
        self.stdout.write(report.reason)
        self.stdout.write(f"checkpoint {report.head.seq}:{report.head.hash}")
