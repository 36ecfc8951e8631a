"""Whatever people, workers and the cluster do in whatever order: nothing is written that was not approved.

Random people propose, edit, decide and cancel, lose rights and accounts; workers try, write, die and lose
answers; others write on the cluster. After each step the promises of `promises` are checked against the
model. `pytest tests/changes/properties --hypothesis-profile=long` takes more than a hundred thousand steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.accounts.models import RoleBinding, User
from apps.changes.actions.approve import approve
from apps.changes.actions.cancel import cancel
from apps.changes.actions.edit import edit
from apps.changes.actions.execute import execute
from apps.changes.actions.expire import expire_due
from apps.changes.actions.propose import propose
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.reject import reject
from apps.changes.actions.revert import revert
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.actions.verify_again import verify_again
from apps.changes.actions.withdraw import withdraw
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import ConsoleError
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.refs import ResourceRef
from apps.pipeline.crashpoints import Point
from apps.pipeline.recover import recover_stuck
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.changes.properties.model import Modelled, People, Verdict
from tests.changes.properties.promises import Promises
from tests.changes.properties.world import NAMES, NAMESPACE, PATH, ROLES, Killed, World, entry, fresh

WHO = st.sampled_from(sorted(ROLES))
NAME = st.sampled_from(NAMES)
HOSTS = st.sampled_from([("one.example",), ("two.example",), ("one.example", "b.example"), ("*.w.example",)])
WANTED = st.dictionaries(NAME, st.none() | HOSTS, min_size=1, max_size=2)  # None: delete it
PICK = st.integers(0, 3)  # the newest change, or one of the three before it
steps = 0


def no_pause(_: float) -> None:
    """Nobody waits."""


class Workflow(RuleBasedStateMachine):
    """One history. Everything it leaves in the database is rolled back."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        world.begin()
        self.people = People({name: set(roles) for name, roles in ROLES.items()}, set(ROLES))
        self.model: dict[int, Modelled] = {}
        self.screens: dict[int, list[tuple[int, str]]] = {}
        self.promises = Promises(world, self.people, self.model)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.sandbox.__exit__(None, None, None)

    def _some(self) -> bool:
        return bool(self.model)

    def _change(self, pick: int) -> ChangeSet:
        known = sorted(self.model)
        return ChangeSet.objects.get(pk=known[max(0, len(known) - 1 - pick)])

    def _do(self, act: Callable[[], object], *, writes: ChangeSet | None = None) -> bool:
        """Acts in a transaction of its own, as a request does; whether it was let through. Only what
        `writes` may touch the cluster."""
        global steps
        steps += 1
        revision = self.world.sim.revision
        done = True
        try:
            with transaction.atomic():
                act()
        except ConsoleError:
            done = False
        if writes is not None:
            self.promises.after_writes(writes)
        assert writes is not None or self.world.sim.revision == revision, "only a worker that applies writes"
        self.promises.check()
        return done

    def _patches(self, wanted: dict[str, tuple[str, ...] | None]) -> Sequence[ManifestPatch]:
        found: list[ManifestPatch] = []
        for name, hosts in sorted(wanted.items()):
            if hosts is not None:
                with suppress(ConsoleError):
                    found += patches_from(_yaml(name, hosts), self.world.cluster)
            elif (live := self.world.live(name)) is not None:
                ref = ResourceRef("ServiceEntry", NAMESPACE, name)
                found.append(ManifestPatch(PatchAction.DELETE, ref, str(live["apiVersion"]), live, None))
        return found

    @initialize(wanted=WANTED)
    def begin(self, wanted: dict[str, tuple[str, ...] | None]) -> None:
        self._propose("ann", wanted)

    @rule(who=WHO, wanted=WANTED)
    def propose(self, who: str, wanted: dict[str, tuple[str, ...] | None]) -> None:
        self._propose(who, wanted)

    def _propose(self, who: str, wanted: dict[str, tuple[str, ...] | None]) -> None:
        made: list[ChangeSet] = []
        patches = {self.world.cluster: self._patches(wanted)}
        done = self._do(
            lambda: made.append(propose(actor=self.world.user(who), title="t", reason="", patches=patches))
        )
        if done:
            assert self.people.may(who, "proposer")
            self.model[made[0].pk] = Modelled(who, editors={who})

    @precondition(_some)
    @rule(who=WHO, pick=PICK, wanted=WANTED)
    def edit(self, who: str, pick: int, wanted: dict[str, tuple[str, ...] | None]) -> None:
        change = self._change(pick)
        patches = {self.world.cluster: self._patches(wanted)}
        if self._do(lambda: edit(actor=self.world.user(who), change=change, patches=patches)):
            assert self.people.may(who, "proposer")
            known = self.model[change.pk]
            known.number += 1
            known.editors.add(who)

    @precondition(_some)
    @rule(who=WHO, pick=PICK)
    def submit(self, who: str, pick: int) -> None:
        self._submit(who, self._change(pick))

    def _submit(self, who: str, change: ChangeSet) -> None:
        if self._do(lambda: submit(actor=self.world.user(who), change=change)):
            assert self.people.may(who, "proposer")
            self.model[change.pk].submitter = who

    @precondition(_some)
    @rule(pick=PICK)
    def try_it(self, pick: int) -> None:
        self._try(self._change(pick))

    def _try(self, change: ChangeSet) -> None:
        self._do(lambda: validate(change_id=change.pk, opener=self.world.sim.opener, sleep=no_pause))
        if digest := current_revision(fresh(change)).digest:
            self.screens.setdefault(change.pk, []).append((fresh(change).revision_number, digest))

    @precondition(_some)
    @rule(who=WHO, pick=PICK, late=st.integers(0, 4), approves=st.sampled_from([True, True, True, False]))
    def decide(self, who: str, pick: int, late: int, approves: bool) -> None:
        change, screens = self._change(pick), self.screens.get(self._change(pick).pk)
        if not screens:
            return
        seen = screens[max(0, len(screens) - 1 - (late if late > 2 else 0))]
        self._decide(who, change, seen, approves)

    def _decide(self, who: str, change: ChangeSet, seen: tuple[int, str], approves: bool) -> None:
        known, state = self.model[change.pk], State(change.state)
        current = current_revision(change).digest
        allowed = known.may_decide(who, self.people, state, current, seen)
        verb = approve if approves else reject
        user = self.world.user(who)
        if allowed:
            known.verdicts[who] = Verdict(current, approves)
        done = self._do(
            lambda: verb(actor=user, change=change, revision=seen[0], digest=seen[1], comment="seen")
        )
        assert done is allowed, (who, seen, state)

    @precondition(_some)
    @rule(who=WHO, pick=PICK, verb=st.sampled_from([withdraw, execute, cancel, verify_again]))
    def move(self, who: str, pick: int, verb: Callable[..., object]) -> None:
        change = self._change(pick)
        self._do(lambda: verb(actor=self.world.user(who), change=change))

    @precondition(_some)
    @rule(who=WHO, pick=PICK)
    def revert(self, who: str, pick: int) -> None:
        made: list[ChangeSet] = []
        change = self._change(pick)
        if self._do(lambda: made.append(revert(actor=self.world.user(who), change=change))):
            self.model[made[0].pk] = Modelled(who, editors={who})

    @precondition(_some)
    @rule(
        pick=PICK,
        point=st.none() | st.none() | st.sampled_from(list(Point)),
        lose=st.sampled_from(["", "", "answer", "request"]),
        ask=st.booleans(),
    )
    def apply(self, pick: int, point: Point | None, lose: str, ask: bool) -> None:
        """A worker writes; it may die at a point, lose an answer, or be asked to stop at that point."""
        self._apply(self._change(pick), point, lose, ask)

    def _apply(self, change: ChangeSet, point: Point | None, lose: str, ask: bool) -> None:
        self.promises.before_writes(change)
        self.world.stumble(point, lose, self._stopper(change) if ask else None)

        def work() -> None:
            with suppress(Killed):
                apply_change(change.pk, opener=self.world.sim.opener, sleep=no_pause)

        self._do(work, writes=change)
        self.world.stumble(None, "", None)

    def _stopper(self, change: ChangeSet) -> Callable[[], None]:
        def stop() -> None:
            with suppress(ConsoleError):
                cancel(actor=self.world.user("eli"), change=fresh(change))

        return stop

    @precondition(_some)
    @rule(pick=PICK)
    def verify(self, pick: int) -> None:
        self._verify(self._change(pick))

    def _verify(self, change: ChangeSet) -> None:
        self._do(
            lambda: verify_change(
                change.pk,
                refresher=lambda _: self.world.unread and self.world.read(),
                opener=self.world.sim.opener,
            )
        )

    @precondition(_some)
    @rule(pick=PICK, times=st.integers(1, 8))
    def bring_on(self, pick: int, times: int) -> None:
        """The usual way, as far as people are entitled; without it few histories come to a write."""
        self._bring_on(pick, times)

    @precondition(_some)
    @rule()
    def bring_the_newest_on(self) -> None:
        self._bring_on(0, 3)

    def _bring_on(self, pick: int, times: int) -> None:
        for _ in range(times):
            change = self._change(pick)
            known, digest = self.model[change.pk], current_revision(change).digest
            match State(change.state):
                case State.DRAFT:
                    self._submit(known.author, change)
                case State.VALIDATING:
                    self._try(change)
                case State.PENDING:
                    voted = known.approvals(self.people, digest)
                    for who in sorted(set(ROLES) - voted):
                        if known.may_decide(who, self.people, State.PENDING, digest, (known.number, digest)):
                            self._decide(who, change, (known.number, digest), True)
                            break
                case State.QUEUED:
                    self._apply(change, None, "", False)
                case State.VERIFYING:
                    self._verify(change)
                case _:
                    return

    @precondition(_some)
    @rule()
    def leases_end(self) -> None:
        past = clock.now() - timedelta(seconds=1)
        ChangeSet.objects.filter(lease_until__isnull=False).update(lease_until=past)
        self._do(recover_stuck)

    @precondition(_some)
    @rule(pick=PICK)
    def time_runs_out(self, pick: int) -> None:
        past = clock.now() - timedelta(seconds=1)
        ChangeSet.objects.filter(pk=self._change(pick).pk, expires_at__isnull=False).update(expires_at=past)
        self._do(lambda: expire_due(now=clock.now()))

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

    @rule(name=NAME, hosts=st.none() | HOSTS)
    def others_write(self, name: str, hosts: tuple[str, ...] | None) -> None:
        """Somebody with kubectl. `None` deletes; what is not there is created."""
        sim = self.world.sim
        if hosts is None:
            sim.ask("DELETE", f"{PATH}/{name}")
        elif sim.ask("PATCH", f"{PATH}/{name}", {"spec": {"hosts": list(hosts)}}).status == 404:
            sim.ask("POST", PATH, entry(name, hosts), "application/json")
        self.promises.others_wrote(name)
        self._do(lambda: None)

    @precondition(lambda self: self.world.unread)
    @rule()
    def read(self) -> None:
        self._do(self.world.read)


def _yaml(name: str, hosts: tuple[str, ...]) -> str:
    listed = ", ".join(f'"{host}"' for host in hosts)
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: {NAMESPACE}}}\n"
        f"spec:\n  hosts: [{listed}]\n  location: MESH_EXTERNAL\n"
        "  ports: [{name: tls, number: 443, protocol: TLS}]\n  resolution: NONE\n"
    )


_LONG = settings.get_current_profile_name() == "long"


@pytest.mark.django_db
def test_nothing_is_written_that_was_not_approved_whatever_happens_in_whatever_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    run_state_machine_as_test(
        lambda: Workflow(world),
        settings=settings(
            max_examples=2200 if _LONG else 12,
            stateful_step_count=60 if _LONG else 40,
            deadline=None,
            phases=[phase for phase in Phase if _LONG or phase is not Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{steps} steps, states met: {dict(Promises.reached)}\n")
