"""Versions of the policy: who puts them in force, what they change for changes, what nobody could meet."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from apps.accounts.models import Role, RoleBinding
from apps.audit.models import AuditEvent, Outcome
from apps.changes import policy_versions
from apps.changes.actions.decide_policy import decide_policy
from apps.changes.actions.propose_policy import from_text, propose_policy
from apps.changes.actions.submit import submit
from apps.changes.approvals import standing
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet, PolicyVersion
from apps.changes.policies import BUILT_IN, read
from apps.changes.selectors import current_revision
from apps.common.errors import InvalidInputError, PermissionDeniedError, StaleInputError, WrongStateError
from apps.pipeline.rollout import apply_change
from tests.factories.policy import in_force
from tests.factories.shop import Shop, decide, fresh, person

pytestmark = pytest.mark.django_db(transaction=True)
ONE = {"rules": [{"name": "All", "approvals": 1}]}
THREE = {"rules": [{"name": "All", "approvals": 3}]}


def proposed(content: dict[str, Any] = ONE, who: str = "ada") -> PolicyVersion:
    return propose_policy(actor=person(who, Role.ADMINISTRATOR), content=content, reason="Because.")


def test_the_built_in_policy_is_version_one(db: None) -> None:
    assert policy_versions.active() == policy_versions.Active(1, BUILT_IN)


def test_a_version_is_in_force_only_when_another_administrator_approves_it(db: None) -> None:
    version = proposed()
    assert policy_versions.active().number == 1
    decide_policy(actor=person("bo", Role.ADMINISTRATOR), version=version, approve=True)
    active = policy_versions.active()
    assert (active.number, active.policy.rules[0].approvals) == (2, 1)
    rows = AuditEvent.objects.filter(object_type="policy").order_by("seq")
    assert list(rows.values_list("action", flat=True)) == ["policy.propose", "policy.approve"]


def test_the_author_cannot_put_a_version_in_force_not_even_in_the_database(db: None) -> None:
    version = proposed()
    with pytest.raises(PermissionDeniedError) as caught:
        decide_policy(actor=version.author, version=version, approve=True)
    assert caught.value.code == "self_approval"
    assert AuditEvent.objects.filter(object_type="policy", outcome=Outcome.REFUSED).count() == 1
    with pytest.raises(IntegrityError):
        PolicyVersion.objects.filter(pk=version.pk).update(decided_by=version.author)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER, Role.PROPOSER, Role.VIEWER])
def test_only_administrators_propose_and_decide(db: None, role: Role) -> None:
    other = person("other", role)
    with pytest.raises(PermissionDeniedError):
        propose_policy(actor=other, content=ONE, reason="Because.")
    with pytest.raises(PermissionDeniedError):
        decide_policy(actor=other, version=proposed(), approve=True)


def test_an_administrator_of_one_cluster_is_no_administrator_of_the_policy(db: None) -> None:
    ada = person("ada", Role.ADMINISTRATOR)
    RoleBinding.objects.filter(user=ada).update(cluster="shop")
    with pytest.raises(PermissionDeniedError):
        propose_policy(actor=ada, content=ONE, reason="Because.")


def test_a_version_made_from_one_that_is_no_longer_in_force_is_stale(db: None) -> None:
    first, second = proposed(), proposed(THREE, "eve")
    bo = person("bo", Role.ADMINISTRATOR)
    decide_policy(actor=bo, version=first, approve=True)
    with pytest.raises(StaleInputError, match="propose it anew"):
        decide_policy(actor=bo, version=second, approve=True)
    decide_policy(actor=bo, version=second, approve=False, comment="Superseded.")
    with pytest.raises(WrongStateError):
        decide_policy(actor=bo, version=second, approve=False, comment="Again.")


def test_a_version_needs_a_reason_a_sense_and_a_difference(db: None) -> None:
    ada = person("ada", Role.ADMINISTRATOR)
    for content, reason, code in (
        (ONE, " ", "invalid"),
        ({"rules": [{"name": "x"}]}, "Because.", "invalid_policy"),
        (from_text("rules: []"), "Because.", ""),
    ):
        if code:
            with pytest.raises(InvalidInputError) as caught:
                propose_policy(actor=ada, content=content, reason=reason)
            assert caught.value.code == code
    in_force(ONE)
    with pytest.raises(InvalidInputError) as caught:
        propose_policy(actor=ada, content=ONE, reason="Because.")
    assert caught.value.code == "nothing_to_change"
    with pytest.raises(InvalidInputError, match="Line 2: this is not YAML"):
        from_text("rules: [")


def test_a_policy_that_nobody_could_meet_says_so_when_it_is_proposed(shop: Shop) -> None:
    Group.objects.create(name="security")
    rules = [{"name": "All", "approvals": 3, "groups": ["security", "nowhere"]}]
    version = propose_policy(actor=shop.omar, content={"rules": rules}, reason="Stricter.")
    found = policy_versions.problems(read(version.content))
    assert found == (
        "There is no group «nowhere».",
        "shop: a change may need 3 approvals, and 2 people may approve everywhere there.",
        "shop: nobody of the group «security» may approve everywhere there.",
    )
    assert AuditEvent.objects.get(action="policy.propose").detail["problems"] == list(found)


def test_a_stricter_policy_counts_at_once_for_what_waits(shop: Shop) -> None:
    change = shop.pending()
    decide(shop.sam, change)
    in_force(THREE)
    decide(shop.noor, change)
    assert fresh(change).state == State.PENDING
    decide(person("remy", Role.APPROVER), change)
    assert fresh(change).state == State.QUEUED


def test_a_stricter_policy_counts_for_what_is_queued_as_well(shop: Shop) -> None:
    change = shop.queued()
    in_force(THREE)
    assert apply_change(change.pk) == State.PENDING


def test_a_laxer_policy_counts_only_for_what_is_tried_anew(shop: Shop) -> None:
    change = shop.pending()
    in_force(ONE)
    decide(shop.sam, change)
    assert fresh(change).state == State.PENDING
    other = shop.pending(title="Another")
    decide(shop.sam, other)
    assert fresh(other).state == State.QUEUED


def test_the_version_is_part_of_the_digest_and_an_older_one_still_applies(shop: Shop) -> None:
    change = shop.queued()
    in_force({"rules": [{"name": "All", "approvals": 2}]})
    assert current_revision(change).policy["version"] == 1
    assert apply_change(change.pk) == State.VERIFYING
    again = shop.proposed(title="Another")
    assert current_revision(again).policy["version"] == 2


def test_a_revision_from_before_policies_were_data_is_judged_by_its_objects(shop: Shop) -> None:
    change = shop.queued()
    revision = current_revision(change)
    revision.policy = {"version": 1, "required": 2, "level": "low", "reasons": [], "risks": []}
    revision.save(update_fields=["policy"])
    now = standing(change, revision)
    assert (now.required, now.ruling.required, now.met) == (2, 2, True)
    in_force(THREE)
    assert standing(change, revision).required == 3
    in_force({"rules": [{"name": "All", "approvals": 1}]})
    assert apply_change(change.pk) == State.VERIFYING


def with_group(shop: Shop, *members: Any) -> ChangeSet:
    group = Group.objects.create(name="security")
    group.user_set.add(*members)
    in_force({"rules": [{"name": "All", "approvals": 1, "groups": ["security"]}]})
    return shop.proposed()


def test_one_approval_has_to_come_from_the_group_that_the_policy_names(shop: Shop) -> None:
    change = shop.submitted(with_group(shop, shop.noor))
    decide(shop.sam, change)
    assert fresh(change).state == State.PENDING
    now = standing(fresh(change), current_revision(change))
    assert (now.missing, now.missing_groups) == (1, ("security",))
    decide(shop.noor, change)
    assert fresh(change).state == State.QUEUED


def test_a_group_of_which_nobody_may_approve_blocks_the_submit(shop: Shop) -> None:
    change = with_group(shop, shop.dev)
    with pytest.raises(WrongStateError, match="group security") as caught:
        submit(actor=shop.priya, change=change)
    assert caught.value.code == "quorum_unreachable"


def test_an_approver_who_left_the_group_no_longer_stands_for_it(shop: Shop) -> None:
    change = shop.submitted(with_group(shop, shop.noor))
    decide(shop.noor, change)
    assert fresh(change).state == State.QUEUED
    shop.noor.groups.clear()
    assert apply_change(change.pk) == State.PENDING
