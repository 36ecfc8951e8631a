"""Plans of waves: their form, who may set them, and that they are part of what is approved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import Role, RoleBinding
from apps.changes import waves
from apps.changes.actions.approve import approve
from apps.changes.actions.edit import edit
from apps.changes.actions.leave_out import leave_out
from apps.changes.actions.plan_waves import plan_waves
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.approvals import digest_of, standing
from apps.changes.intents import unstamped
from apps.changes.lifecycle import State
from apps.changes.models import Revision
from apps.changes.selectors import current_revision
from apps.changes.waves import Member, OnFailure, Plan, PlanError, Suggestion
from apps.common.errors import InvalidInputError, PermissionDeniedError, WrongStateError
from tests.factories.policy import in_force
from tests.factories.rings import IN_ORDER, Rings, asked
from tests.factories.shop import NEW_ENTRY, decide, fresh, person

NAMES = st.lists(st.sampled_from("abcdef"), unique=True)


@given(st.lists(NAMES, max_size=4), NAMES)
def test_a_plan_that_is_fitted_names_each_cluster_once_and_nothing_else(
    drawn: list[list[str]], clusters: list[str]
) -> None:
    seen: set[str] = set()
    groups = []
    for group in drawn:
        groups.append(tuple(name for name in group if name not in seen))
        seen |= set(group)
    plan = waves.fitted(Plan(tuple(groups), soak_minutes=5, wait=True), clusters)
    named = [name for wave in plan.waves for name in wave]
    assert named == [] or sorted(named) == sorted(clusters)
    assert plan.count != 1 or plan == Plan()
    assert waves.fitted(plan, clusters) == plan
    assert waves.read(waves.plain(plan)) == plan


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((("a",), ("a", "b")), "a is in two waves"),
        ((("a",), ("b",), ("c",)), "c: nothing is written there"),
        ((("a",),), "b: name the wave"),
    ],
)
def test_a_plan_that_does_not_fit_says_what_is_wrong(groups: tuple[tuple[str, ...], ...], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        waves.checked(Plan(groups), {"a", "b"})


@pytest.mark.parametrize(
    ("suggestion", "expected"),
    [
        (Suggestion.ONE, ()),
        (Suggestion.ENVIRONMENT, (("l1", "l2"), ("s",), ("other",), ("p1", "p2"))),
        (Suggestion.CANARY, (("l1",), ("l2",), ("s",), ("other",), ("p1", "p2"))),
    ],
)
def test_suggestions_go_from_the_lab_to_production(
    suggestion: Suggestion, expected: tuple[tuple[str, ...], ...]
) -> None:
    where = {
        "p1": "production",
        "l2": "lab",
        "s": "staging",
        "other": "edge",
        "p2": "production",
        "l1": "lab",
    }
    members = [Member(*pair) for pair in where.items()]
    assert waves.suggested(members, suggestion) == expected


@pytest.mark.parametrize(
    "content", [{"soak_minutes": -1}, {"waves": [["a", 1]]}, {"pause": 1}, {"on_failure": "no"}]
)
def test_a_plan_of_another_form_is_refused_with_a_sentence(content: dict[str, object]) -> None:
    with pytest.raises(PlanError, match=r"\w.*\."):
        waves.read(content)


@pytest.mark.django_db
class TestPlanned:
    """On a draft of three clusters."""

    def test_the_plan_is_part_of_the_digest(self, rings: Rings) -> None:
        change = rings.pending(Plan(IN_ORDER, soak_minutes=10))
        revision = current_revision(change)
        shown = revision.digest
        for plan in (
            Plan(),
            Plan(IN_ORDER, soak_minutes=9),
            Plan(IN_ORDER, soak_minutes=10, wait=True),
            Plan(IN_ORDER, soak_minutes=10, on_failure=OnFailure.FINISH_WAVE),
            Plan((IN_ORDER[1], IN_ORDER[0], IN_ORDER[2]), soak_minutes=10),
        ):
            revision.plan = waves.plain(plan)
            assert digest_of(revision) != shown
        assert digest_of(Revision.objects.get(pk=revision.pk)) == shown

    def test_a_plan_that_was_changed_behind_the_console_is_not_begun(self, rings: Rings) -> None:
        change = rings.queued(Plan(IN_ORDER, wait=True))
        Revision.objects.filter(change=change).update(plan={})
        assert rings.write(change) == State.NEEDS_ATTENTION
        assert rings.written() == []

    def test_only_those_with_a_hand_in_a_draft_plan_it(self, rings: Rings) -> None:
        change = rings.proposed(Plan())
        with pytest.raises(PermissionDeniedError):
            plan_waves(actor=rings.sam, change=change, **asked(Plan(IN_ORDER)))
        with pytest.raises(InvalidInputError, match="in two waves"):
            plan_waves(actor=rings.priya, change=change, **asked(Plan((*IN_ORDER, ("lab",)))))
        plan_waves(actor=rings.priya, change=change, **asked(Plan(IN_ORDER)))
        assert current_revision(change).waves == Plan(IN_ORDER)
        rings.submitted(change)
        with pytest.raises(WrongStateError):
            plan_waves(actor=rings.priya, change=change, **asked(Plan()))

    def test_a_reviewer_needs_the_right_on_every_cluster_it_touches(self, rings: Rings) -> None:
        change = rings.pending(Plan(IN_ORDER))
        RoleBinding.objects.filter(user=rings.sam).update(cluster="prod")
        with pytest.raises(PermissionDeniedError, match="everywhere"):
            decide(rings.sam, change)
        somebody = person("prod-approver")
        RoleBinding.objects.create(user=somebody, role=Role.APPROVER, environment="production")
        revision = current_revision(change)
        with pytest.raises(PermissionDeniedError):
            approve(actor=somebody, change=change, revision=1, digest=revision.digest)
        assert [user.username for user in standing(fresh(change), revision).eligible] == ["noor"]

    def test_the_strictest_of_all_clusters_says_how_many_approve(self, rings: Rings) -> None:
        rules = [
            {"name": "Lab", "environment": "lab", "approvals": 1},
            {"name": "Staging", "environment": "staging", "approvals": 1, "groups": ["mesh"]},
            {"name": "Production", "environment": "production", "approvals": 3},
        ]
        in_force({"rules": rules})
        change = rings.proposed(Plan(IN_ORDER))
        now = standing(change, current_revision(change))
        assert (now.required, now.missing_groups) == (3, ("mesh",))

    def test_an_edit_keeps_the_plan_for_the_clusters_that_are_left(self, rings: Rings) -> None:
        change = rings.proposed(Plan(IN_ORDER, soak_minutes=10))
        kept = {
            rings.clusters[name]: patches_from(NEW_ENTRY, rings.clusters[name]) for name in ("lab", "prod")
        }
        edit(actor=rings.priya, change=change, patches=kept)
        assert current_revision(change).waves == Plan((("lab",), ("prod",)), soak_minutes=10)
        alone = {rings.clusters["lab"]: kept[rings.clusters["lab"]]}
        edit(actor=rings.priya, change=change, patches=alone)
        assert current_revision(change).waves == Plan()

    def test_a_cluster_is_left_out_of_a_draft_and_the_others_stay_as_they_are(self, rings: Rings) -> None:
        change = rings.proposed(Plan(IN_ORDER, soak_minutes=10))
        change.reason = "For all.\nstage: it is owned by helm.\nlab, stage: they are kept by Flux."
        change.save()
        before = {item.cluster.name: item for item in current_revision(change).items.all()}
        leave_out(actor=rings.priya, change=change, cluster="stage")
        revision = current_revision(fresh(change))
        assert revision.number == 2
        assert fresh(change).reason == "For all.\nlab, stage: they are kept by Flux."
        assert revision.waves == Plan((("lab",), ("prod",)), soak_minutes=10)
        assert revision.left_out == [{"cluster": "stage", "why": "priya left it out."}]
        for item in revision.items.all():
            was = before[item.cluster.name]
            assert (item.base, item.base_uid, item.action) == (was.base, was.base_uid, was.action)
            assert unstamped(item.desired or {}) == unstamped(was.desired or {})
        rings.approved(rings.submitted(fresh(change)))

    def test_a_change_that_is_edited_keeps_on_record_what_it_leaves_out(self, rings: Rings) -> None:
        change = rings.proposed(Plan())
        leave_out(actor=rings.priya, change=change, cluster="stage")
        again = {rings.clusters["lab"]: patches_from(NEW_ENTRY, rings.clusters["lab"])}
        edit(actor=rings.priya, change=fresh(change), patches=again)
        assert [out["cluster"] for out in current_revision(fresh(change)).left_out] == ["stage"]

    def test_what_cannot_be_left_out_is_said(self, rings: Rings) -> None:
        change = rings.proposed(Plan(), names=["lab", "stage"])
        with pytest.raises(InvalidInputError, match="writes nothing on prod"):
            leave_out(actor=rings.priya, change=change, cluster="prod")
        with pytest.raises(PermissionDeniedError):
            leave_out(actor=rings.sam, change=change, cluster="lab")
        leave_out(actor=rings.priya, change=change, cluster="stage")
        with pytest.raises(InvalidInputError, match="withdraw it instead"):
            leave_out(actor=rings.priya, change=fresh(change), cluster="lab")
        rings.submitted(fresh(change))
        with pytest.raises(WrongStateError):
            leave_out(actor=rings.priya, change=fresh(change), cluster="lab")
