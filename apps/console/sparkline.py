"""Coverage by day as a small line: its path, its gaps, and the same in words. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from apps.analysis.trend import Day, Series

TOP, BOTTOM = 6, 94  # of a box of 100; the line keeps its width inside


@dataclass(frozen=True, slots=True)
class Trend:
    """A series as it is shown. The box of the drawing is `width` days wide and 100 high, today at its end;
    `path` is broken where a day has no percentage, `gaps` are (start, width) of days without a sum, `partly`
    of those whose sum leaves out a paused cluster. `latest` is the last day with a percentage; `days` are the
    rows of the table, newest first."""

    series: Series
    width: int
    path: str
    gaps: tuple[tuple[int, int], ...]
    partly: tuple[tuple[int, int], ...]
    words: str
    latest: Day | None
    days: tuple[Day, ...]

    @property
    def share(self) -> float | None:
        """The last known percentage."""
        return self.latest.percent if self.latest is not None else None


def trend(series: Series, width: int) -> Trend:
    """What a page draws of a series that was asked for `width` days: those before the first record stay
    empty, and the same day stands at the same place in every series."""
    known = [day for day in series.days if day.percent is not None]
    first = width - len(series.days)
    return Trend(
        series=series,
        width=width,
        path=_path([day.percent for day in series.days], first),
        gaps=_runs([day.counts is None for day in series.days], first),
        partly=_runs([day.counts is not None and bool(day.paused) for day in series.days], first),
        words=_words(series, known),
        latest=known[-1] if known else None,
        days=series.days[::-1],
    )


def _path(values: Sequence[float | None], first: int) -> str:
    """A line through the middle of the days that follow one another; a day alone is a dash."""
    parts: list[str] = []
    for at, value in enumerate(values):
        if value is None:
            continue
        x, y = first + at, f"{BOTTOM - value * (BOTTOM - TOP) / 100:.1f}"
        joined = at > 0 and values[at - 1] is not None
        goes_on = at + 1 < len(values) and values[at + 1] is not None
        if joined or goes_on:
            parts.append(f"{'L' if joined else 'M'}{x + 0.5:.1f} {y}")
        else:
            parts.append(f"M{x + 0.2:.1f} {y}H{x + 0.8:.1f}")
    return "".join(parts)


def _runs(days: Sequence[bool], first: int) -> tuple[tuple[int, int], ...]:
    """The runs of days that are true."""
    found, at = [], first
    for true, run in groupby(days):
        length = len(list(run))
        if true:
            found.append((at, length))
        at += length
    return tuple(found)


def _words(series: Series, known: list[Day]) -> str:
    days, gaps = len(series.days), sum(bool(day.not_read) for day in series.days)
    paused = sum(bool(day.paused) for day in series.days)
    parts = [f"Captured as expected, {days} day{'' if days == 1 else 's'}"]
    if known:
        first, last = known[0], known[-1]
        shares = [day.percent for day in known if day.percent is not None]
        ends = (first,) if first is last else (first, last)
        parts.append(", ".join(f"{day.percent}% on {day.day.isoformat()}" for day in ends))
        if len(shares) > 1:
            parts.append(f"lowest {min(shares)}%, highest {max(shares)}%")
    else:
        parts.append("no day with an expected capture")
    parts.append(f"not read on {gaps} day{'' if gaps == 1 else 's'}" if gaps else "no gap")
    if paused:
        parts.append(f"a paused cluster left out on {paused} day{'' if paused == 1 else 's'}")
    return "; ".join(parts) + "."
