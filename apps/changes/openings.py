"""When something may be applied: weekly windows in their own time zone, and freezes. Pure: the moment is
handed in.

A window that closes at or before the hour it opens runs into the next day. Clock changes are those of the
zone: a window lasts as long as its wall clock says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import Meta

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
# A fixed point is reached after a few steps; rules that exclude one another never reach one.
STEPS = 200
WEEK = 8  # days looked ahead, one more than a week for a window that began yesterday


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span of the day on some days of the week, in an IANA time zone."""

    days: Annotated[tuple[Day, ...], Meta(min_length=1)]
    opens: Clock
    closes: Clock
    timezone: str

    def __str__(self) -> str:
        return f"{', '.join(self.days)} {self.opens} to {self.closes} {self.timezone}"


class Frozen(Protocol):
    """What a freeze has to say here."""

    @property
    def begins(self) -> datetime: ...
    @property
    def ends(self) -> datetime: ...
    @property
    def reason(self) -> str: ...


def window_problem(window: Window) -> str:
    """What is wrong with a window beyond its form; "" when nothing is."""
    known = window.timezone in _zones()
    return "" if known else f"there is no time zone «{window.timezone[:60]}» (write Europe/Berlin or UTC)."


@cache
def _zones() -> frozenset[str]:
    """Every zone of this installation; they are read from its files once."""
    return frozenset(available_timezones())


def is_open(windows: Sequence[Window], moment: datetime) -> bool:
    """Whether one of the windows is open."""
    return any(begins <= moment < ends for window in windows for begins, ends in _spans(window, moment))


def freeze_at(freezes: Iterable[Frozen], moment: datetime) -> Frozen | None:
    """The freeze that holds then and ends last; None when there is none."""
    holding = [freeze for freeze in freezes if freeze.begins <= moment < freeze.ends]
    return max(holding, key=lambda freeze: freeze.ends, default=None)


def next_opening(
    sets: Sequence[Sequence[Window]], freezes: Sequence[Frozen], moment: datetime
) -> datetime | None:
    """The first moment, from `moment` on, that lies in a window of each set and in no freeze; None when
    none was found."""
    for _ in range(STEPS):
        freeze = freeze_at(freezes, moment)
        if freeze is not None:
            moment = freeze.ends.astimezone(UTC)
            continue
        shut = next((windows for windows in sets if not is_open(windows, moment)), None)
        if shut is None:
            return moment
        later = [begins for window in shut for begins, _ in _spans(window, moment) if begins > moment]
        if not later:
            return None
        moment = min(later)
    return None


def _spans(window: Window, moment: datetime) -> Iterable[tuple[datetime, datetime]]:
    """The openings of a window from the day before `moment` to a week after it, in UTC."""
    zone = ZoneInfo(window.timezone)
    today = moment.astimezone(zone).date()
    opens, closes = time.fromisoformat(window.opens), time.fromisoformat(window.closes)
    over_night = closes <= opens
    for offset in range(-1, WEEK):
        day = today + timedelta(days=offset)
        if DAYS[day.weekday()] in window.days:
            yield _at(day, opens, zone), _at(day + timedelta(days=over_night), closes, zone)


def _at(day: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)
