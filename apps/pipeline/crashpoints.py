"""Numbered places at which the fault tests end a worker the hard way. Does nothing in use."""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path

from django.conf import settings


class Point(StrEnum):
    """In the order in which an apply passes them."""

    BEFORE_CLAIM = "before-claim"
    AFTER_CLAIM = "after-claim"
    AFTER_INTENT = "after-intent"
    AFTER_WRITE = "after-write"  # answered, and not recorded yet
    AFTER_RECORD = "after-record"  # between two objects, and after the last one
    BEFORE_VERIFY = "before-verify"
    AFTER_VERIFY = "after-verify"  # confirmed, or between two waves: the next one is queued


def reached(point: Point) -> None:
    """Kills this process, without any chance to clean up, when the settings name this point: always, or,
    where they name a folder, once for every file in it that is called like the point."""
    wanted = settings.MESHCONSOLE_CRASH_AT
    if point.value == wanted or (wanted.startswith("/") and _taken(Path(wanted) / point.value)):
        os.kill(os.getpid(), signal.SIGKILL)


def _taken(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
