"""The approval policy in the browser: read, asked, proposed, decided on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.changes import policy_versions
from apps.changes.models import ChangeSet, PolicyVersion
from apps.clusters.models import Cluster
from tests.factories.people import person
from tests.factories.policy import in_force

As = Callable[[User], Client]
NIGHT = """rules:
  - name: Everything
    approvals: 3
    windows:
      - days: [mon]
        opens: "03:00"
        closes: "03:01"
        timezone: Europe/Berlin
freezes:
  - reason: <b>Sale</b>
    begins: "2020-01-01T00:00:00Z"
    ends: "2099-01-01T00:00:00Z"
    environment: lab
"""


@pytest.fixture
def dora(db: None) -> User:
    return person("dora")


def test_everybody_with_a_role_reads_the_policy_and_nobody_else(victor: User, eve: User, as_: As) -> None:
    text = as_(victor).get("/policy/").content.decode()
    assert "Widens or breaks" in text
    assert "New version" not in text
    assert as_(eve).get("/policy/").status_code == 403


def test_a_question_is_answered_on_the_page_and_as_a_fragment(shop: Cluster, victor: User, as_: As) -> None:
    asked = {"cluster": "shop", "kind": "Sidecar", "risk": "bare-sidecar", "level": "high"}
    page = as_(victor).get("/policy/", asked).content.decode()
    assert "3 approvals" in page
    assert "«Production»" in page
    part = (
        as_(victor).get("/policy/", {"environment": "lab"}, headers={"HX-Request": "true"}).content.decode()
    )
    assert "1 approval" in part
    assert "<html" not in part


def test_a_version_is_previewed_proposed_and_put_in_force_by_somebody_else(
    shop: Cluster, dora: User, as_: As
) -> None:
    page = as_(dora).post("/policy/propose/", {"content": NIGHT, "preview": "1"}).content.decode()
    assert "Not everybody could meet this" in page
    assert not PolicyVersion.objects.exists()
    made = as_(dora).post("/policy/propose/", {"content": NIGHT, "reason": "Sleep."}, follow=True)
    assert made.redirect_chain == [("/policy/2/", 302)]
    text = made.content.decode()
    assert "Put in force" not in text
    assert "&lt;b&gt;Sale&lt;/b&gt;" in text
    refused = as_(dora).post("/policy/2/decide/", {"verdict": "approve"})
    assert refused.status_code == 403
    assert "another administrator has to decide" in refused.content.decode()
    done = as_(person("dan", "administrator")).post("/policy/2/decide/", {"verdict": "approve"}, follow=True)
    assert "In force" in done.content.decode()
    assert policy_versions.active().number == 2


def test_what_cannot_be_used_keeps_what_was_typed(dora: User, as_: As) -> None:
    answer = as_(dora).post("/policy/propose/", {"content": "rules: [{name: x}]", "reason": "My reason"})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "asks for nothing" in text
    assert "My reason" in text


def test_those_who_administer_nothing_are_not_let_in(victor: User, as_: As) -> None:
    assert as_(victor).get("/policy/propose/").status_code == 403
    assert as_(victor).post("/policy/propose/", {"content": NIGHT, "reason": "x"}).status_code == 403


def test_a_change_says_which_version_judged_it(draft: ChangeSet, victor: User, as_: As) -> None:
    in_force({"rules": [{"name": "All", "approvals": 4}]})
    text = " ".join(as_(victor).get(f"/changes/{draft.pk}/").content.decode().split())
    assert "Policy version 1" in text
    assert "version 2, in force now: the stricter counts" in text
    assert "0 of 4" in text
