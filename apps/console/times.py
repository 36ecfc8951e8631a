"""Times in words: relative under a day, absolute with the zone above it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def span(length: timedelta) -> str:
    """A length of time in its two largest units: `12 s`, `3 min`, `3 h 12 min`, `14 d`."""
    seconds = max(0, int(length.total_seconds()))
    if length < MINUTE:
        return f"{seconds} s"
    if length < HOUR:
        return f"{seconds // 60} min"
    if length < DAY:
        hours, rest = divmod(seconds, 3600)
        return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
    return f"{seconds // 86400} d"


def ago(then: datetime, now: datetime) -> str:
    """`12 s ago` under a day, `20 Nov, 09:12 UTC` above it, `in 6 d` for what is to come."""
    if then > now:
        return f"in {span(then - now)}" if then - now >= MINUTE else "now"
    return f"{span(now - then)} ago" if now - then < DAY else absolute(then, now)


def absolute(then: datetime, now: datetime | None = None) -> str:
    """`20 Nov, 09:12 UTC`, with the year when it is another one."""
    local = then.astimezone(UTC)
    year = "" if now is not None and local.year == now.astimezone(UTC).year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {local:%H:%M} UTC"


def exact(then: datetime) -> str:
    """To the second, for a title."""
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
