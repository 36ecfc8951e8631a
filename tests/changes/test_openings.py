"""Windows and freezes: when something may be applied, and when that is next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.changes.openings import Window, freeze_at, is_open, next_opening, window_problem
from apps.changes.policies import Freeze

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def window(*days: Any, opens: str = "09:00", closes: str = "17:00", timezone: str = "UTC") -> Window:
    return Window(days, opens, closes, timezone)


WORK = window("mon", "tue", "wed", "thu")


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("moment", "answer"),
    [(at(8, 59), False), (at(9), True), (at(16, 59), True), (at(17), False), (at(12, day=4), False)],
)
def test_a_window_is_open_from_its_first_minute_to_before_its_last(moment: datetime, answer: bool) -> None:
    assert is_open([WORK], moment) is answer


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = window("fri", opens="22:00", closes="02:00")
    assert is_open([night], at(23, day=4))
    assert is_open([night], at(1, day=5))
    assert not is_open([night], at(1, day=4))


def test_the_hour_is_that_of_the_zone_in_summer_and_in_winter() -> None:
    berlin = window("mon", timezone="Europe/Berlin")
    assert is_open([berlin], datetime(2026, 7, 6, 7, 0, tzinfo=UTC))
    assert not is_open([berlin], datetime(2026, 11, 23, 7, 0, tzinfo=UTC))
    assert is_open([berlin], datetime(2026, 11, 23, 8, 0, tzinfo=UTC))


def test_what_is_open_now_opens_now() -> None:
    assert next_opening([[WORK]], [], at(10)) == at(10)
    assert next_opening([], [], at(3)) == at(3)


def test_the_next_opening_passes_over_the_weekend() -> None:
    assert next_opening([[WORK]], [], at(18, day=3)) == at(9, day=7)
    assert next_opening([[window("mon")]], [], at(18)) == at(9, day=7)


def test_every_set_has_to_be_open() -> None:
    later = window("mon", "tue", opens="15:00", closes="18:00")
    assert next_opening([[WORK], [later]], [], at(10)) == at(15)
    assert next_opening([[window("mon")], [window("tue")]], [], at(10)) is None


def test_a_freeze_moves_the_opening_behind_its_end() -> None:
    freeze = Freeze("Sale", at(0), at(12, day=1))
    assert freeze_at([freeze], at(10)) == freeze
    assert freeze_at([freeze], at(12, day=1)) is None
    assert next_opening([[WORK]], [freeze], at(10)) == at(12, day=1)
    assert next_opening([[WORK]], [Freeze("Sale", at(0), at(20, day=1))], at(10)) == at(9, day=2)


def test_a_zone_that_does_not_exist_is_named() -> None:
    assert "Mars/Base" in window_problem(window("mon", timezone="Mars/Base"))
    assert window_problem(WORK) == ""


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu"])
CLOCKS = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.builds(
    lambda days, opens, closes, zone: Window(tuple(days), opens, closes, zone),
    st.lists(st.sampled_from(["mon", "tue", "wed", "sat"]), min_size=1, unique=True),
    CLOCKS,
    CLOCKS,
    ZONES,
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@given(WINDOWS, MOMENTS)
def test_the_next_opening_is_open_and_nothing_before_it_is(one: Window, moment: datetime) -> None:
    found = next_opening([[one]], [], moment)
    assert found is not None
    assert found >= moment
    assert is_open([one], found)
    step = (found - moment) / 7
    assert all(not is_open([one], moment + step * n) for n in range(7)) or found == moment
