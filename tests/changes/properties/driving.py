"""How a history is driven: each verb once, with what the model expects of it.

Knows no rules: which verb comes next is decided in `test_workflow`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from hypothesis.stateful import (
    RuleBasedStateMachine,
)

from apps.changes.actions.approve import approve
from apps.changes.actions.cancel import cancel
from apps.changes.actions.next_wave import next_due, next_wave
from apps.changes.actions.propose import propose
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.reject import reject
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.changes.waves import Plan
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.errors import ConsoleError
from apps.mesh.patches import ManifestPatch, PatchAction
from apps.mesh.refs import ResourceRef
from apps.pipeline.crashpoints import Point
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.changes.properties.model import Modelled, People, Verdict
from tests.changes.properties.promises import Promises
from tests.changes.properties.world import NAMESPACE, ROLES, Killed, World, fresh

Wanted = dict[str, tuple[str, ...] | None]
Places = tuple[str, ...]


def no_pause(_: float) -> None:
    """Nobody waits."""


class Driven(RuleBasedStateMachine):
    """One history. Everything it leaves in the database is rolled back."""

    steps = 0

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
        Driven.steps += 1
        revision = self.world.revision
        done = True
        try:
            with transaction.atomic():
                act()
        except ConsoleError:
            done = False
        if writes is not None:
            self.promises.after_writes(writes)
        assert writes is not None or self.world.revision == revision, "only a worker that applies writes"
        self.promises.check()
        return done

    def _patches(self, places: Places, wanted: Wanted) -> dict[Cluster, Sequence[ManifestPatch]]:
        return {self.world.clusters[name]: self._patches_on(name, wanted) for name in places}

    def _patches_on(self, place: str, wanted: Wanted) -> Sequence[ManifestPatch]:
        found: list[ManifestPatch] = []
        for name, hosts in sorted(wanted.items()):
            if hosts is not None:
                with suppress(ConsoleError):
                    found += patches_from(_yaml(name, hosts), self.world.clusters[place])
            elif (live := self.world.live(place, name)) is not None:
                ref = ResourceRef("ServiceEntry", NAMESPACE, name)
                found.append(ManifestPatch(PatchAction.DELETE, ref, str(live["apiVersion"]), live, None))
        return found

    def _propose(self, who: str, places: Places, wanted: Wanted, plan: Plan) -> None:
        made: list[ChangeSet] = []
        user, patches = self.world.user(who), self._patches(places, wanted)
        if self._do(
            lambda: made.append(propose(actor=user, title="t", reason="", patches=patches, plan=plan))
        ):
            assert self.people.may(who, "proposer")
            self.model[made[0].pk] = Modelled(who, editors={who})

    def _submit(self, who: str, change: ChangeSet) -> None:
        if self._do(lambda: submit(actor=self.world.user(who), change=change)):
            assert self.people.may(who, "proposer")
            self.model[change.pk].submitters.add(who)

    def _try(self, change: ChangeSet) -> None:
        self._do(lambda: validate(change_id=change.pk, opener=self.world.opener, sleep=no_pause))
        if digest := current_revision(fresh(change)).digest:
            self.screens.setdefault(change.pk, []).append((fresh(change).revision_number, digest))

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

    def _apply(self, change: ChangeSet, point: Point | None, lose: str, ask: bool) -> None:
        self.promises.before_writes(change)
        self.world.stumble(point, lose, self._stopper(change) if ask else None)

        def work() -> None:
            with suppress(Killed):
                apply_change(change.pk, opener=self.world.opener, sleep=no_pause)

        self._do(work, writes=change)
        self.world.stumble(None, "", None)

    def _stopper(self, change: ChangeSet) -> Callable[[], None]:
        def stop() -> None:
            with suppress(ConsoleError):
                cancel(actor=self.world.user("eli"), change=fresh(change))

        return stop

    def _verify(self, change: ChangeSet, point: Point | None = None) -> None:
        self.world.stumble(point, "", None)

        def work() -> None:
            with suppress(Killed):
                verify_change(change.pk, refresher=self.world.read_anew, opener=self.world.opener)

        self._do(work)
        self.world.stumble(None, "", None)

    def _end_pause(self, change: ChangeSet) -> None:
        """The time of the pause goes by, and the sweep comes."""
        if change.state != State.PAUSED:
            return
        self.model[change.pk].soaked.add(change.waves_done)
        past = clock.now() - timedelta(seconds=1)
        ChangeSet.objects.filter(pk=change.pk).update(opens_at=past)
        self._do(next_due)

    def _continue(self, who: str, change: ChangeSet) -> None:
        done = change.waves_done
        if self._do(lambda: next_wave(actor=self.world.user(who), change=change)):
            assert self.people.may(who, "operator")
            self.model[change.pk].continued.add(done)

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
                case State.PAUSED:
                    self._end_pause(change)
                    self._continue("eli", fresh(change))
                case _:
                    return


def _yaml(name: str, hosts: tuple[str, ...]) -> str:
    listed = ", ".join(f'"{host}"' for host in hosts)
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: {NAMESPACE}}}\n"
        f"spec:\n  hosts: [{listed}]\n  location: MESH_EXTERNAL\n"
        "  ports: [{name: tls, number: 443, protocol: TLS}]\n  resolution: NONE\n"
    )
