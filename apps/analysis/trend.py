"""Coverage by day, added up over clusters. Pure: values in, values out.

A day on which a cluster concerned was not read is a gap: nothing is added up and nothing is guessed for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
    first day that was ever recorded, which may lie before `days`; None when there is none."""

    cluster: str
    since: date
    first: date | None
    days: Mapping[date, Counts]

    def concerned(self, day: date) -> bool:
        return self.since <= day or day in self.days


@dataclass(frozen=True, slots=True)
class Day:
    """A day's sum; `counts` is None on a gap, and `not_read` names the clusters that made it one."""

    day: date
    counts: Counts | None
    not_read: tuple[str, ...] = ()

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


def add_up(recorded: Sequence[Recorded], *, until: date, days: int) -> tuple[Day, ...]:
    """At most `days` days that end with `until`, from the first on which anything was recorded."""
    known = [one.first for one in recorded if one.first is not None]
    if not known:
        return ()
    first = max(min(known), until - (days - 1) * ONE_DAY)
    length = (until - first).days + 1
    return tuple(_sum(recorded, first + number * ONE_DAY) for number in range(length))


def _sum(recorded: Iterable[Recorded], day: date) -> Day:
    concerned = [one for one in recorded if one.concerned(day)]
    not_read = tuple(one.cluster for one in concerned if day not in one.days)
    if not_read or not concerned:
        return Day(day, None, not_read)
    counts = [one.days[day] for one in concerned]
    kinds: Counter[str] = Counter()
    for one in counts:
        kinds.update(one.by_kind)
    return Day(day, Counts(sum(c.total for c in counts), sum(c.expected for c in counts), dict(kinds)))
