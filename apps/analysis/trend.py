"""Coverage by day, added up over clusters. Pure: values in, values out.

A day on which a cluster concerned was not read is a gap: nothing is added up and nothing is guessed for it.
One that was paused is left out of the sum, which says so. A cluster counts in the environment that it had on
the day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """Workloads of applications: all, those that ask for capture, and those of them that are captured
    completely, by kind of capture."""

    total: int = 0
    expected: int = 0
    by_kind: Mapping[str, int] = field(default_factory=dict)

    @property
    def covered(self) -> int:
        return sum(self.by_kind.values())

    @property
    def percent(self) -> float | None:
        """Covered of expected, to one decimal; None where nothing asks for capture."""
        return round(100 * self.covered / self.expected, 1) if self.expected else None

    @property
    def percent_of_total(self) -> float | None:
        """Covered of all; None without workloads."""
        return round(100 * self.covered / self.total, 1) if self.total else None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one cluster, concerned from the day on which it was registered. `first` is the
    first day that was ever recorded, which may lie before `days`; None when there is none. `environments` are
    those of recorded days, `environment` is that of today; `pauses` are first and last days, None for one
    that lasts."""

    cluster: str
    since: date
    first: date | None
    days: Mapping[date, Counts]
    environment: str = ""
    environments: Mapping[date, str] = field(default_factory=dict)
    pauses: tuple[tuple[date, date | None], ...] = ()

    def concerned(self, day: date) -> bool:
        return self.since <= day or day in self.days

    def paused(self, day: date) -> bool:
        return any(first <= day and (last is None or day <= last) for first, last in self.pauses)

    def environment_on(self, day: date) -> str:
        """The one that was recorded last until that day, else first after it, else today's."""
        if day in self.environments:
            return self.environments[day]
        known = sorted(self.environments)
        before = [one for one in known if one <= day]
        nearest = before[-1] if before else known[0] if known else None
        return self.environments[nearest] if nearest is not None else self.environment


@dataclass(frozen=True, slots=True)
class Day:
    """A day's sum; `counts` is None on a gap, and `not_read` names the clusters that made it one. `paused`
    are those left out because they were paused; where that is all of them, there is no sum."""

    day: date
    counts: Counts | None
    not_read: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()

    @property
    def percent(self) -> float | None:
        return self.counts.percent if self.counts else None


@dataclass(frozen=True, slots=True)
class Series:
    """The days of a place, oldest first: of a namespace, a cluster, an environment, or ("" all) the fleet."""

    days: tuple[Day, ...]
    environment: str = ""
    cluster: str = ""
    namespace: str = ""


def add_up(recorded: Sequence[Recorded], *, until: date, days: int, environment: str = "") -> tuple[Day, ...]:
    """At most `days` days that end with `until`, from the first on which anything was recorded; of an
    environment, the clusters that were in it on each day ("" for all)."""
    window = [until - number * ONE_DAY for number in reversed(range(days))]
    members = [(day, [one for one in recorded if _within(one, day, environment)]) for day in window]
    starts = (at for at, (day, among) in enumerate(members) if any(_begun(one, day) for one in among))
    begun = next(starts, None)
    return () if begun is None else tuple(_sum(among, day) for day, among in members[begun:])


def _within(one: Recorded, day: date, environment: str) -> bool:
    return one.concerned(day) and (not environment or one.environment_on(day) == environment)


def _begun(one: Recorded, day: date) -> bool:
    return one.first is not None and one.first <= day


def _sum(concerned: Sequence[Recorded], day: date) -> Day:
    silent = [one for one in concerned if day not in one.days]
    paused = tuple(one.cluster for one in silent if one.paused(day))
    not_read = tuple(one.cluster for one in silent if not one.paused(day))
    counts = [one.days[day] for one in concerned if day in one.days]
    if not_read or not counts:
        return Day(day, None, not_read, paused)
    kinds: Counter[str] = Counter()
    for one in counts:
        kinds.update(one.by_kind)
    counted = Counts(sum(c.total for c in counts), sum(c.expected for c in counts), dict(kinds))
    return Day(day, counted, (), paused)
