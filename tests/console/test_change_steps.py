"""The rarer steps of a change in the browser: emergency, review, comment, hand-over, end, rebase."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.changes.models import ChangeSet
from apps.common import clock
from tests.console.conftest import pending
from tests.factories.people import person

As = Callable[[User], Client]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def omar(charlie: User) -> User:
    charlie.set_password(PASSWORD)
    charlie.save()
    return charlie


def test_an_operator_declares_an_emergency_with_a_reason_and_the_password(
    draft: ChangeSet, omar: User, as_: As
) -> None:
    change = pending(draft)
    page, path = (
        as_(omar).get(f"/changes/{change.pk}/").content.decode(),
        f"/changes/{change.pk}/break-glass/",
    )
    assert "Declare an emergency" in page
    wrong = as_(omar).post(path, {"reason": "Payments are <b>down</b>", "password": "wrong"})
    text = wrong.content.decode()
    assert wrong.status_code == 403
    assert "The password is wrong" in text
    assert "Payments are &lt;b&gt;down" in text
    assert 'value="wrong"' not in text
    done = as_(omar).post(path, {"reason": "Payments are <b>down</b>", "password": PASSWORD}, follow=True)
    text = done.content.decode()
    assert "Payments are &lt;b&gt;down&lt;/b&gt;" in text
    assert "0 of 1" in text
    assert ChangeSet.objects.get().emergency_by == omar


def test_others_are_not_offered_an_emergency(draft: ChangeSet, alice: User, bob: User, as_: As) -> None:
    change = pending(draft)
    for who in (alice, bob):
        assert "Declare an emergency" not in as_(who).get(f"/changes/{change.pk}/").content.decode()
        answer = as_(who).post(f"/changes/{change.pk}/break-glass/", {"reason": "x", "password": "y"})
        assert answer.status_code == 403


def test_an_emergency_is_reviewed_on_its_page_and_found_in_the_inbox(
    draft: ChangeSet, omar: User, bob: User, as_: As
) -> None:
    ChangeSet.objects.update(
        state="review_due", emergency_by=omar, emergency_at=clock.now(), emergency_reason="Down."
    )
    assert "Open the token service" in as_(bob).get("/changes/?box=waits").content.decode()
    assert "Review due" in as_(bob).get("/changes/?state=review_due").content.decode()
    assert "Review the emergency" not in as_(omar).get(f"/changes/{draft.pk}/").content.decode()
    assert "Review the emergency" in as_(bob).get(f"/changes/{draft.pk}/").content.decode()
    assert as_(bob).post(f"/changes/{draft.pk}/review/", {"comment": ""}).status_code == 400
    answer = as_(bob).post(f"/changes/{draft.pk}/review/", {"comment": "It was needed."}, follow=True)
    assert "It was needed." in answer.content.decode()
    assert ChangeSet.objects.get().state == "applied"


def test_a_comment_is_shown_as_the_plain_text_it_is(draft: ChangeSet, victor: User, as_: As) -> None:
    path = f"/changes/{draft.pk}/comment/"
    text = as_(victor).post(path, {"text": "<script>alert(1)</script>"}, follow=True).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert as_(victor).post(path, {"text": " "}).status_code == 400


def test_a_draft_is_handed_over_from_its_page(draft: ChangeSet, alice: User, as_: As) -> None:
    person("anna", "proposer")
    path = f"/changes/{draft.pk}/hand-over/"
    refused = as_(alice).post(path, {"username": "bob"})
    assert refused.status_code == 400
    assert "There is nobody of that name" in refused.content.decode()
    as_(alice).post(path, {"username": "anna"})
    assert ChangeSet.objects.get().author.username == "anna"


def test_the_end_of_an_opening_is_set_on_its_draft(draft: ChangeSet, alice: User, as_: As) -> None:
    path, ends = f"/changes/{draft.pk}/time-box/", clock.now().replace(second=0, microsecond=0) + timedelta(3)
    sent = {"ends_at": f"{ends:%Y-%m-%dT%H:%M}", "auto_revert": "on"}
    text = as_(alice).post(path, sent, follow=True).content.decode()
    assert "its revert runs then" in text
    assert (ChangeSet.objects.get().ends_at, ChangeSet.objects.get().auto_revert) == (ends, True)
    past = as_(alice).post(path, {"ends_at": "2020-01-01T00:00"})
    assert past.status_code == 400
    assert "has to lie ahead" in past.content.decode()


def test_a_stale_change_is_rebased_with_one_click(draft: ChangeSet, alice: User, as_: As) -> None:
    person("bob"), person("ben", "approver")
    ChangeSet.objects.update(state="stale", state_message="The cluster has moved on.")
    assert "Rebase and try again" in as_(alice).get(f"/changes/{draft.pk}/").content.decode()
    as_(alice).post(f"/changes/{draft.pk}/rebase/")
    change = ChangeSet.objects.get()
    assert (change.state, change.revision_number) == ("validating", 2)


def test_a_scheduled_change_says_when_it_will_be_applied(draft: ChangeSet, bob: User, as_: As) -> None:
    ChangeSet.objects.update(
        state="scheduled", opens_at=clock.now() + timedelta(hours=5), state_message="Later."
    )
    text = as_(bob).get(f"/changes/{draft.pk}/").content.decode()
    assert "Scheduled" in text
    assert "applied" in text
