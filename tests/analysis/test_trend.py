"""Coverage added up by day: sums over clusters, and gaps where one of them was not read."""

from __future__ import annotations

from datetime import date

import pytest

from apps.analysis.trend import Counts, Recorded, add_up

FIRST, SECOND, THIRD = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)


def shop(**days: Counts) -> Recorded:
    return _recorded("shop", FIRST, days)


def till(since: date = FIRST, **days: Counts) -> Recorded:
    return _recorded("till", since, days)


def _recorded(name: str, since: date, days: dict[str, Counts]) -> Recorded:
    known = {date(2026, 11, int(day.removeprefix("d"))): counts for day, counts in days.items()}
    return Recorded(name, since, min(known, default=None), known)


TWO_OF_FOUR = Counts(10, 4, {"sidecar": 1, "ebpf": 1})
ONE_OF_TWO = Counts(5, 2, {"sidecar": 1})


def test_a_day_on_which_all_were_read_is_their_sum() -> None:
    [day] = add_up([shop(d1=TWO_OF_FOUR), till(d1=ONE_OF_TWO)], until=FIRST, days=30)
    assert day.counts == Counts(15, 6, {"sidecar": 2, "ebpf": 1})
    assert (day.counts.covered, day.percent, day.counts.percent_of_total) == (3, 50.0, 20.0)


def test_a_day_on_which_one_was_not_read_is_a_gap_that_names_it() -> None:
    days = add_up(
        [shop(d1=TWO_OF_FOUR, d2=TWO_OF_FOUR, d3=TWO_OF_FOUR), till(d1=ONE_OF_TWO, d3=ONE_OF_TWO)],
        until=THIRD,
        days=30,
    )
    assert [(day.percent, day.not_read) for day in days] == [(50.0, ()), (None, ("till",)), (50.0, ())]
    assert days[1].counts is None


def test_a_cluster_counts_from_the_day_it_was_registered() -> None:
    days = add_up([shop(d1=TWO_OF_FOUR, d2=TWO_OF_FOUR), till(SECOND)], until=SECOND, days=30)
    assert [day.not_read for day in days] == [(), ("till",)]
    assert days[0].counts == TWO_OF_FOUR


def test_the_window_begins_with_the_first_record_and_has_at_most_so_many_days() -> None:
    recorded = [shop(d2=TWO_OF_FOUR)]
    assert [day.day for day in add_up(recorded, until=THIRD, days=30)] == [SECOND, THIRD]
    assert [day.day for day in add_up(recorded, until=THIRD, days=1)] == [THIRD]
    silent = Recorded("shop", FIRST, FIRST, {})  # recorded once, before the days that are looked at
    assert [day.not_read for day in add_up([silent], until=THIRD, days=2)] == [("shop",), ("shop",)]
    assert add_up([shop()], until=THIRD, days=30) == ()
    assert add_up([], until=THIRD, days=30) == ()


@pytest.mark.parametrize(
    ("counts", "percent"), [(Counts(), None), (Counts(5), None), (Counts(5, 3, {"ebpf": 2}), 66.7)]
)
def test_nothing_expected_is_no_percentage(counts: Counts, percent: float | None) -> None:
    assert counts.percent == percent
