"""Whether a ruling lets something be applied at a moment, when it will, and the sentence that says why not.
Pure: the moment is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from apps.changes.openings import freeze_at, is_open, next_opening
from apps.changes.policies import Ruling


@dataclass(frozen=True, slots=True)
class Gate:
    """`why` is "" when it is open; `opens_at` is the moment itself then, None when no opening was found."""

    opens_at: datetime | None
    why: str = ""

    @property
    def is_open(self) -> bool:
        return not self.why


def gate(ruling: Ruling, moment: datetime) -> Gate:
    """What the windows and freezes of the ruling say at this moment."""
    opens_at = next_opening([windows for _, windows in ruling.windows], ruling.freezes, moment)
    freeze = freeze_at(ruling.freezes, moment)
    if freeze is not None:
        return Gate(opens_at, f"Frozen until {spelled(freeze.ends)}: {freeze.reason}.")
    for name, windows in ruling.windows:
        if not is_open(windows, moment):
            when = "; ".join(str(window) for window in windows)
            return Gate(opens_at, f"Outside the window of rule «{name}» ({when}).")
    return Gate(moment)


def spelled(moment: datetime) -> str:
    """`2026-11-30 09:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
