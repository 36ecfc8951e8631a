"""`audit_export`: writes the record, or the part of it that is asked for, as CSV or JSON lines."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import is_aware, make_aware

from apps.audit.exported import FORMATS, audit_lines
from apps.audit.selectors import events

FILTERS = ("actor", "action", "outcome", "cluster", "object_type", "object_id")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("A time reads 2026-11-25 or 2026-11-25T14:00:00+00:00.") from None
    return found if is_aware(found) else make_aware(found)


class Command(BaseCommand):
    help = "Write the audit record, oldest first, to a file or to standard output."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--as", dest="form", choices=FORMATS, default="jsonl")
        parser.add_argument("--output", type=Path, metavar="FILE")
        parser.add_argument("--since", type=_moment, help="the first moment, UTC unless it says otherwise")
        parser.add_argument("--until", type=_moment, help="the moment before which it ends")
        for name in FILTERS:
            parser.add_argument(f"--{name.replace('_', '-')}", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {name: options[name] for name in (*FILTERS, "since", "until")}
        lines = audit_lines(options["form"], events(**asked).order_by("seq"))
        if options["output"] is None:
            for line in lines:
                self.stdout.write(line, ending="")
            return
        with options["output"].open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
