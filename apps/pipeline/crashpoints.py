"""Numbered places at which the fault tests end a worker the hard way. Does nothing in use."""

from __future__ import annotations

import os
import signal
from enum import StrEnum

from django.conf import settings


class Point(StrEnum):
    """In the order in which an apply passes them."""

    BEFORE_CLAIM = "before-claim"
    AFTER_CLAIM = "after-claim"
    AFTER_INTENT = "after-intent"
    AFTER_WRITE = "after-write"
    BEFORE_VERIFY = "before-verify"


def reached(point: Point) -> None:
    """Kills this process, without any chance to clean up, when the settings name this point."""
    if point.value == settings.MESHCONSOLE_CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)
