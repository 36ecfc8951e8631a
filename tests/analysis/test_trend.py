"""Coverage added up by day: sums over clusters, and gaps where one of them was not read."""

from __future__ import annotations

from dataclasses import replace
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


def test_a_paused_cluster_is_left_out_and_named() -> None:
    known = {"d1": TWO_OF_FOUR, "d2": TWO_OF_FOUR, "d3": TWO_OF_FOUR}
    till_paused = replace(till(d1=ONE_OF_TWO), pauses=((SECOND, SECOND),))
    days = add_up([shop(**known), till_paused], until=THIRD, days=30)
    assert [(day.percent, day.not_read, day.paused) for day in days] == [
        (50.0, (), ()),
        (50.0, (), ("till",)),
        (None, ("till",), ()),
    ]
    assert days[1].counts == TWO_OF_FOUR


def test_a_reading_counts_on_the_day_of_a_pause_and_a_pause_without_end_lasts() -> None:
    paused = replace(till(d1=ONE_OF_TWO), pauses=((FIRST, None),))
    days = add_up([paused], until=SECOND, days=30)
    assert [(day.counts, day.paused) for day in days] == [(ONE_OF_TWO, ()), (None, ("till",))]


def test_a_cluster_counts_in_the_environment_that_it_had_on_the_day() -> None:
    moved = replace(
        shop(d1=TWO_OF_FOUR, d3=TWO_OF_FOUR),
        environment="production",
        environments={FIRST: "lab", THIRD: "production"},
    )
    other = replace(till(d1=ONE_OF_TWO, d2=ONE_OF_TWO, d3=ONE_OF_TWO), environment="production")
    lab = add_up([moved, other], until=THIRD, days=30, environment="lab")
    assert [(day.counts, day.not_read) for day in lab] == [
        (TWO_OF_FOUR, ()),
        (None, ("shop",)),  # it was in the lab when it was read last
        (None, ()),
    ]
    production = add_up([moved, other], until=THIRD, days=30, environment="production")
    assert [day.counts and day.counts.total for day in production] == [5, 5, 15]
    assert add_up([moved, other], until=THIRD, days=30, environment="staging") == ()


@pytest.mark.parametrize(
    ("counts", "percent"), [(Counts(), None), (Counts(5), None), (Counts(5, 3, {"ebpf": 2}), 66.7)]
)
def test_nothing_expected_is_no_percentage(counts: Counts, percent: float | None) -> None:
    assert counts.percent == percent
