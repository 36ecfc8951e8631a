"""The table of states: what is drawn is what is true, and what has ended stays ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.changes import lifecycle
from apps.changes.lifecycle import TERMINAL, Event, State, next_state

PAGE = Path(__file__).parents[2] / "docs" / "changes.md"


@given(st.lists(st.sampled_from(Event)))
def test_whatever_happens_a_terminal_state_stays(events: list[Event]) -> None:
    state, ended = State.DRAFT, None
    for event in events:
        state = next_state(state, event) or state
        ended = ended or (state if state in TERMINAL else None)
        assert ended is None or state is ended


@given(st.lists(st.sampled_from(Event)))
def test_nothing_is_applied_that_was_not_approved_since_its_last_edit(events: list[Event]) -> None:
    state, approved = State.DRAFT, False
    for event in events:
        after = next_state(state, event)
        if after is None:
            continue
        if event in {Event.EDIT, Event.LOSE_QUORUM}:
            approved = False
        if event is Event.REACH_QUORUM:
            approved = True
        state = after
        assert approved or state not in {State.QUEUED, State.APPLYING, State.VERIFYING, State.APPLIED}


def test_the_terminal_states_are_exactly_those_that_a_person_would_expect() -> None:
    expected = {State.APPLIED, State.FAILED, State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.CANCELED}
    assert expected == TERMINAL


def test_every_state_can_be_reached_from_a_draft() -> None:
    reached = {State.DRAFT}
    while True:
        more = {to for (source, _), to in lifecycle.TRANSITIONS.items() if source in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(State)


@pytest.mark.parametrize("state", [s for s in State if s not in TERMINAL])
def test_every_other_state_can_come_to_an_end(state: State) -> None:
    reached = {state}
    for _ in State:
        reached |= {to for (source, _), to in lifecycle.TRANSITIONS.items() if source in reached}
    assert reached & TERMINAL


def test_every_event_happens_somewhere_and_every_state_has_a_name() -> None:
    assert {event for _, event in lifecycle.TRANSITIONS} == set(Event)
    assert all(state.label for state in State)


def test_the_page_shows_the_table_as_it_is() -> None:
    assert lifecycle.as_markdown() in PAGE.read_text(), "docs/changes.md: paste lifecycle.as_markdown() anew."
