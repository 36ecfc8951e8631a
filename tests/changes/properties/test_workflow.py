"""Whatever people, workers and the cluster do in whatever order: nothing is written that was not approved.

Random people propose, edit, decide and cancel, lose rights and accounts; workers try, write, die and lose
answers; others write on the cluster. After each step the promises of `promises` are checked against the
model. `pytest tests/changes/properties --hypothesis-profile=long` takes more than a hundred thousand steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.accounts.models import RoleBinding, User
from apps.changes.actions.cancel import cancel
from apps.changes.actions.edit import edit
from apps.changes.actions.execute import execute
from apps.changes.actions.expire import expire_due
from apps.changes.actions.next_wave import next_due
from apps.changes.actions.plan_waves import plan_waves
from apps.changes.actions.revert import revert
from apps.changes.actions.verify_again import verify_again
from apps.changes.actions.withdraw import withdraw
from apps.changes.models import ChangeSet
from apps.changes.waves import OnFailure, Plan
from apps.common import clock
from apps.pipeline.crashpoints import Point
from apps.pipeline.recover import recover_stuck
from tests.changes.properties.driving import Driven, Places, Wanted
from tests.changes.properties.model import Modelled
from tests.changes.properties.promises import Promises
from tests.changes.properties.world import CLUSTERS, NAMES, PATH, ROLES, World, entry
from tests.factories.rings import asked

WHO = st.sampled_from(sorted(ROLES))
NAME = st.sampled_from(NAMES)
HOSTS = st.sampled_from([("one.example",), ("two.example",), ("one.example", "b.example"), ("*.w.example",)])
WANTED = st.dictionaries(NAME, st.none() | HOSTS, min_size=1, max_size=2)  # None: delete it
PLACE = st.sampled_from(sorted(CLUSTERS))
PLACES = st.sampled_from([("early",), ("shop",), ("early", "shop"), ("early", "shop")])
PLAN = st.builds(
    Plan,
    waves=st.sampled_from([(), (("early",), ("shop",)), (("early",), ("shop",)), (("shop",), ("early",))]),
    soak_minutes=st.sampled_from([0, 0, 10]),
    wait=st.booleans(),
    on_failure=st.sampled_from(OnFailure),
)
PICK = st.integers(0, 3)  # the newest change, or one of the three before it


class Workflow(Driven):
    """Everything that anybody may do next."""

    @initialize(wanted=WANTED, plan=PLAN.filter(lambda plan: plan.count > 1))
    def begin(self, wanted: Wanted, plan: Plan) -> None:
        self._propose("ann", ("early", "shop"), wanted, plan)

    @rule(who=WHO, places=PLACES, wanted=WANTED, plan=PLAN)
    def propose(self, who: str, places: Places, wanted: Wanted, plan: Plan) -> None:
        self._propose(who, places, wanted, plan)

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK, places=PLACES, wanted=WANTED)
    def edit(self, who: str, pick: int, places: Places, wanted: Wanted) -> None:
        change = self._change(pick)
        patches = self._patches(places, wanted)
        if self._do(lambda: edit(actor=self.world.user(who), change=change, patches=patches)):
            assert self.people.may(who, "proposer")
            known = self.model[change.pk]
            known.number += 1
            known.editors.add(who)

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK)
    def submit(self, who: str, pick: int) -> None:
        self._submit(who, self._change(pick))

    @precondition(Driven._some)
    @rule(pick=PICK)
    def try_it(self, pick: int) -> None:
        self._try(self._change(pick))

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK, late=st.integers(0, 4), approves=st.sampled_from([True, True, True, False]))
    def decide(self, who: str, pick: int, late: int, approves: bool) -> None:
        change, screens = self._change(pick), self.screens.get(self._change(pick).pk)
        if not screens:
            return
        seen = screens[max(0, len(screens) - 1 - (late if late > 2 else 0))]
        self._decide(who, change, seen, approves)

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK, verb=st.sampled_from([withdraw, execute, cancel, verify_again]))
    def move(self, who: str, pick: int, verb: Callable[..., object]) -> None:
        change = self._change(pick)
        if self._do(lambda: verb(actor=self.world.user(who), change=change)) and verb is execute:
            self.model[change.pk].continued.add(change.waves_done)

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK, plan=PLAN)
    def plan(self, who: str, pick: int, plan: Plan) -> None:
        change = self._change(pick)
        if self._do(lambda: plan_waves(actor=self.world.user(who), change=change, **asked(plan))):
            assert who in self.model[change.pk].hands

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK)
    def continue_it(self, who: str, pick: int) -> None:
        self._continue(who, self._change(pick))

    @precondition(Driven._some)
    @rule(pick=PICK)
    def pause_ends(self, pick: int) -> None:
        self._end_pause(self._change(pick))

    @precondition(Driven._some)
    @rule(who=WHO, pick=PICK)
    def revert(self, who: str, pick: int) -> None:
        made: list[ChangeSet] = []
        change = self._change(pick)
        if self._do(lambda: made.append(revert(actor=self.world.user(who), change=change))):
            self.model[made[0].pk] = Modelled(who, editors={who})

    @precondition(Driven._some)
    @rule(
        pick=PICK,
        point=st.none() | st.none() | st.sampled_from(list(Point)),
        lose=st.sampled_from(["", "", "answer", "request"]),
        ask=st.booleans(),
    )
    def apply(self, pick: int, point: Point | None, lose: str, ask: bool) -> None:
        """A worker writes; it may die at a point, lose an answer, or be asked to stop at that point."""
        self._apply(self._change(pick), point, lose, ask)

    @precondition(Driven._some)
    @rule(pick=PICK, point=st.none() | st.sampled_from([Point.BEFORE_VERIFY, Point.AFTER_VERIFY]))
    def verify(self, pick: int, point: Point | None) -> None:
        self._verify(self._change(pick), point)

    @precondition(Driven._some)
    @rule(pick=PICK, times=st.integers(1, 8))
    def bring_on(self, pick: int, times: int) -> None:
        """The usual way, as far as people are entitled; without it few histories come to a write."""
        self._bring_on(pick, times)

    @precondition(Driven._some)
    @rule()
    def bring_the_newest_on(self) -> None:
        self._bring_on(0, 3)

    @precondition(Driven._some)
    @rule()
    def leases_end(self) -> None:
        past = clock.now() - timedelta(seconds=1)
        ChangeSet.objects.filter(lease_until__isnull=False).update(lease_until=past)
        self._do(recover_stuck)

    @precondition(Driven._some)
    @rule(pick=PICK)
    def time_runs_out(self, pick: int) -> None:
        past = clock.now() - timedelta(seconds=1)
        ChangeSet.objects.filter(pk=self._change(pick).pk, expires_at__isnull=False).update(expires_at=past)
        self._do(lambda: expire_due(now=clock.now()))
        self._do(next_due)

    @rule(who=WHO, role=st.sampled_from(["proposer", "approver", "operator"]))
    def change_rights(self, who: str, role: str) -> None:
        bindings = RoleBinding.objects.filter(user=self.world.user(who), role=role)
        if not bindings.delete()[0]:
            RoleBinding.objects.create(user=self.world.user(who), role=role)
        self.people.roles[who] ^= {role}
        self._do(lambda: None)

    @rule(who=WHO)
    def change_account(self, who: str) -> None:
        self.people.active ^= {who}
        User.objects.filter(username=who).update(is_active=who in self.people.active)
        self._do(lambda: None)

    @rule(place=PLACE, name=NAME, hosts=st.none() | HOSTS)
    def others_write(self, place: str, name: str, hosts: tuple[str, ...] | None) -> None:
        """Somebody with kubectl. `None` deletes; what is not there is created."""
        sim = self.world.sims[place]
        if hosts is None:
            sim.ask("DELETE", f"{PATH}/{name}")
        elif sim.ask("PATCH", f"{PATH}/{name}", {"spec": {"hosts": list(hosts)}}).status == 404:
            sim.ask("POST", PATH, entry(name, hosts), "application/json")
        self.promises.others_wrote(place, name)
        self._do(lambda: None)

    @precondition(lambda self: self.world.unread)
    @rule()
    def read(self) -> None:
        for cluster in self.world.unread:
            self._do(partial(self.world.read, cluster))


_LONG = settings.get_current_profile_name() == "long"


@pytest.mark.django_db
def test_nothing_is_written_that_was_not_approved_whatever_happens_in_whatever_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)

    class Here(Workflow):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=2200 if _LONG else 25,
            stateful_step_count=60 if _LONG else 25,
            deadline=None,
            phases=[phase for phase in Phase if _LONG or phase is not Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{Driven.steps} steps, states met: {dict(Promises.reached)}\n")
