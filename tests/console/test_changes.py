"""A change in the browser: proposed, previewed, decided, and what refusals look like."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import ScopeVerdicts
from apps.changes.models import ChangeSet, Decision, Verification
from apps.clusters.models import Cluster
from apps.common import clock
from tests.console.conftest import CUTTING_SIDECAR, STS_ENTRY, pending
from tests.factories.people import person

As = Callable[[User], Client]


def test_a_cell_becomes_a_draft_with_its_prediction(shop: Cluster, alice: User, as_: As) -> None:
    scope = ScopeVerdicts.objects.get(cluster=shop, namespace="catalog")
    answer = as_(alice).post(
        "/clusters/shop/egress/propose/", {"scope": scope.key, "host": "sts.amazonaws.com"}, follow=True
    )
    change = ChangeSet.objects.get()
    text = answer.content.decode()
    assert answer.redirect_chain == [(f"/changes/{change.pk}/", 302)]
    assert "is a draft" in text
    assert "Submit for approval" in text
    assert "sts.amazonaws.com:443" in text


def test_beside_a_generated_fix_no_other_advice_is_given(shop: Cluster, alice: User, as_: As) -> None:
    scope = ScopeVerdicts.objects.get(cluster=shop, namespace="catalog")
    fix = scope.answers["sts.amazonaws.com"]["fix"]
    assert fix["remedy"]
    asked = {"scope": scope.key, "host": "sts.amazonaws.com", "part": "explain"}
    page = " ".join(as_(alice).get("/clusters/shop/egress/", asked).content.decode().split())
    assert "Show what it would write and change" in page
    assert fix["text"] not in html.unescape(page)
    scope.answers["sts.amazonaws.com"]["fix"]["remedy"] = ""
    scope.save()
    page = " ".join(as_(alice).get("/clusters/shop/egress/", asked).content.decode().split())
    assert "Show what it would write and change" not in page
    assert fix["text"] in html.unescape(page)


def test_somebody_who_may_only_look_cannot_propose(shop: Cluster, victor: User, as_: As) -> None:
    scope = ScopeVerdicts.objects.get(cluster=shop, namespace="catalog")
    asked = {"scope": scope.key, "host": "sts.amazonaws.com"}
    page = as_(victor).get("/clusters/shop/egress/", asked).content.decode()
    assert "Your roles do not let you propose changes" in page
    assert as_(victor).post("/clusters/shop/egress/propose/", asked).status_code == 403
    assert not ChangeSet.objects.exists()


def test_a_preview_of_the_page_s_example_says_loudly_whom_it_cuts_off(
    shop: Cluster, alice: User, as_: As
) -> None:
    answer = as_(alice).post(
        "/clusters/shop/propose/", {"manifests": CUTTING_SIDECAR, "preview": "1", "title": ""}
    )
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "This would cut off 2 workloads" in text
    assert 'role="alert"' in text
    assert not ChangeSet.objects.exists()


def test_the_draft_of_the_page_s_example_says_it_too(shop: Cluster, alice: User, as_: As) -> None:
    answer = as_(alice).post(
        "/clusters/shop/propose/", {"manifests": CUTTING_SIDECAR, "title": "As the page says"}, follow=True
    )
    text = answer.content.decode()
    assert "This would cut off 2 workloads" in text
    assert "Costs one more approval" in text


@pytest.mark.parametrize(
    ("manifests", "sentence"),
    [
        ("a: [", "YAML"),
        ("a: &a [1]\nb: [*a, *a]", ""),
        ("kind: Secret\napiVersion: v1\nmetadata: {name: x, namespace: y}", ""),
        ("", "This field is required."),
        ("x" * 600_000, "larger than 512 kB"),
    ],
)
def test_a_paste_that_cannot_be_used_keeps_what_was_typed(
    manifests: str, sentence: str, shop: Cluster, alice: User, as_: As
) -> None:
    answer = as_(alice).post(
        "/clusters/shop/propose/", {"manifests": manifests, "title": "My title", "reason": "My reason"}
    )
    text = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="My title"' in text
    assert "My reason" in text
    assert 'class="err"' in text
    assert sentence in text


def test_an_approval_is_bound_to_what_was_on_the_screen(draft: ChangeSet, bob: User, as_: As) -> None:
    change = pending(draft)
    seen = {"verdict": "approve", "revision": "1", "digest": "0" * 64, "comment": "Looks right"}
    answer = as_(bob).post(f"/changes/{change.pk}/decide/", seen)
    text = answer.content.decode()
    assert answer.status_code == 412
    assert "no longer what was on your screen" in text
    assert "Looks right" in text
    assert not Decision.objects.exists()


def test_an_approver_approves_from_the_page(draft: ChangeSet, bob: User, as_: As) -> None:
    change = pending(draft)
    page = as_(bob).get(f"/changes/{change.pk}/").content.decode()
    assert f'value="{"d" * 64}"' in page
    answer = as_(bob).post(
        f"/changes/{change.pk}/decide/",
        {"verdict": "approve", "revision": "1", "digest": "d" * 64, "comment": "Exact hosts."},
        follow=True,
    )
    text = answer.content.decode()
    assert "Exact hosts." in text
    assert "1 of 2" in text
    assert Decision.objects.get().reviewer == bob


def test_a_rejection_needs_a_reason(draft: ChangeSet, bob: User, as_: As) -> None:
    change = pending(draft)
    answer = as_(bob).post(
        f"/changes/{change.pk}/decide/",
        {"verdict": "reject", "revision": "1", "digest": "d" * 64, "comment": " "},
    )
    assert answer.status_code == 400
    assert "Say why" in answer.content.decode()


def test_the_author_is_not_offered_to_decide_and_cannot(draft: ChangeSet, as_: As) -> None:
    change = pending(draft)
    author = person("alice", "approver")
    page = as_(author).get(f"/changes/{change.pk}/").content.decode()
    assert "Approve revision" not in page
    answer = as_(author).post(
        f"/changes/{change.pk}/decide/", {"verdict": "approve", "revision": "1", "digest": "d" * 64}
    )
    assert answer.status_code == 403
    assert "somebody else has to decide" in answer.content.decode()


def test_what_waits_for_somebody_stands_on_their_pages(draft: ChangeSet, bob: User, as_: As) -> None:
    person("berta", "approver")
    pending(draft)
    fleet = as_(bob).get("/").content.decode()
    assert "Your decision" in fleet
    assert 'aria-label="1 waits for you"' in fleet
    inbox = as_(bob).get("/changes/?box=waits").content.decode()
    assert "Open the token service" in inbox
    assert "Nothing waits for you" in as_(draft.author).get("/changes/?box=waits").content.decode()


def test_an_action_out_of_turn_is_a_sentence(draft: ChangeSet, alice: User, as_: As) -> None:
    answer = as_(alice).post(f"/changes/{draft.pk}/revert/")
    assert answer.status_code == 409
    assert "there is nothing to put back" in answer.content.decode()


def test_an_action_that_is_none_is_not_found(draft: ChangeSet, alice: User, as_: As) -> None:
    assert as_(alice).post(f"/changes/{draft.pk}/explode/").status_code == 404


def test_a_change_under_way_shows_every_object_live(draft: ChangeSet, alice: User, as_: As) -> None:
    ChangeSet.objects.filter(pk=draft.pk).update(state="applying", attempt=2)
    text = as_(alice).get(f"/changes/{draft.pk}/").content.decode()
    assert 'hx-trigger="every 2s"' in text
    assert "0 of 1" in text
    assert "Attempt 2" in text


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_verification_says_what_was_predicted_and_what_happened(
    confirmed: bool, draft: ChangeSet, alice: User, as_: As
) -> None:
    predicted = draft.revisions.get().prediction["shop"]["difference"]
    happened = predicted if confirmed else {**predicted, "opened": []}
    lines = [] if confirmed else ["sts.amazonaws.com stayed blocked."]
    Verification.objects.create(
        change=draft,
        at=clock.now(),
        confirmed=confirmed,
        detail={"shop": {"predicted": predicted, "happened": happened, "differences": lines}},
    )
    ChangeSet.objects.filter(pk=draft.pk).update(state="applied" if confirmed else "diverged")
    text = as_(alice).get(f"/changes/{draft.pk}/").content.decode()
    assert ("it did what was predicted" in text) is confirmed
    assert ("stayed blocked" in text) is not confirmed
    assert "Propose revert" in text


def test_a_proposal_by_hand_goes_on_to_its_draft(shop: Cluster, alice: User, as_: As) -> None:
    answer = as_(alice).post(
        "/clusters/shop/propose/", {"manifests": STS_ENTRY, "title": "Open the token service"}
    )
    assert answer["Location"] == f"/changes/{ChangeSet.objects.get().pk}/"


def test_a_change_can_start_from_the_object_as_it_is(
    shop: Cluster, alice: User, victor: User, as_: As
) -> None:
    page = "/clusters/shop/objects/Sidecar/payments/default/"
    assert "Change it" in as_(alice).get(page).content.decode()
    assert "Change it" not in as_(victor).get(page).content.decode()
    text = as_(alice).get("/clusters/shop/propose/?object=Sidecar payments/default").content.decode()
    assert "istio-system/*" in text
    assert "creationTimestamp" not in text
    gone = as_(alice).get("/clusters/shop/propose/?object=Sidecar nowhere/none")
    assert gone.status_code == 200


def test_the_whole_cluster_is_mended_in_one_change(shop: Cluster, alice: User, as_: As) -> None:
    assert "Propose all fixes" in as_(alice).get("/clusters/shop/egress/").content.decode()
    answer = as_(alice).post("/clusters/shop/egress/propose/", follow=True)
    assert answer.status_code == 200
    assert "sts.us-east-1.amazonaws.com" in answer.content.decode()
