"""What must hold after every step of a history, whoever did what."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Count

from apps.audit.models import AuditEvent, Outcome
from apps.changes.lifecycle import TERMINAL, Event, State, next_state
from apps.changes.models import ChangeItem, ChangeSet, Verification
from apps.changes.selectors import current_revision
from tests.changes.properties.model import UNWRITTEN, Modelled, People
from tests.changes.properties.world import World, fresh, items_of
from tests.factories.inprocess import Write

OP = "meshconsole.io/op"
EVENTS = {f"change.{event.value}": event for event in Event}


class Promises:
    """Watches one history. `reached` counts over all of them how often each state was met."""

    reached: Counter[str] = Counter()

    def __init__(self, world: World, people: People, model: dict[int, Modelled]) -> None:
        self._world, self._people, self._model = world, people, model
        self._ended: dict[int, State] = {}
        self._approved: dict[str, list[dict[str, Any] | None]] = {}  # digest: what was to be written
        self._entitled = False
        self._seen = 0
        self._rows: dict[int, tuple[Any, ...]] = {}  # what was checked
        self._writes: Counter[str] = Counter()
        self._disturbed: set[tuple[str, str]] = set()  # objects that others wrote since the console did

    def others_wrote(self, cluster: str, name: str) -> None:
        self._disturbed.add((cluster, name))

    def before_writes(self, change: ChangeSet) -> None:
        """Says from the model alone whether this change may be written now."""
        change = fresh(change)
        revision = current_revision(change)
        votes = self._model[change.pk].approvals(self._people, revision.digest)
        required = int(revision.policy.get("required", 99))
        self._entitled = bool(revision.digest) and len(votes) >= required

    def after_writes(self, change: ChangeSet) -> None:
        """Every effect on the cluster is that of an item of this change, approved as it was sent."""
        written = self._world.journal[self._seen :]
        self._seen = len(self._world.journal)
        if not written:
            return
        assert self._entitled, "written without the approvals of enough entitled people"
        approved = self._approved[fresh(change).approved_digest]
        for write in written:
            if write.method == "PATCH":
                assert _content(write) in approved, "what was sent is not what was approved"
                self._writes[write.body["metadata"]["annotations"][OP]] += 1
            else:
                assert None in approved
            self._check_wave(fresh(change), write.cluster)
            name = write.path.rpartition("/")[2]
            self._disturbed.discard((write.cluster, name))

    def check(self) -> None:
        for change in ChangeSet.objects.annotate(told=Count("events")):
            row = (change.state, change.attempt, change.revision_number, change.approved_digest, change.told)
            if self._rows.get(change.pk) == row:
                continue
            self._rows[change.pk] = row
            self._keep_approved(change)
            state = State(change.state)
            Promises.reached[state.value] += 1
            Promises.reached["after a first wave"] += (
                0 < change.waves_done < current_revision(change).waves.count
            )
            assert self._ended.setdefault(change.pk, state) is state or change.pk not in self._ended
            if state not in TERMINAL:
                del self._ended[change.pk]
            self._check_record(change)
            self._check_effect(change)

    def _keep_approved(self, change: ChangeSet) -> None:
        if change.approved_digest and change.approved_digest not in self._approved:
            self._approved[change.approved_digest] = [item.intent for item in items_of(change)]

    def _check_record(self, change: ChangeSet) -> None:
        """The audit leads from the draft to this state by ways of the table; the timeline says the same."""
        state, kinds = State.DRAFT, []
        done = AuditEvent.objects.filter(object_id=change.number, outcome=Outcome.DONE)
        for action, detail in done.order_by("seq").values_list("action", "detail"):
            if action not in EVENTS or "from" not in detail:
                continue
            assert detail["from"] == state, f"{change}: a transition is missing before {action}"
            after = next_state(state, EVENTS[action])
            assert after == detail["to"]
            state = State(detail["to"])
            kinds.append(EVENTS[action].value)
        assert state == change.state, f"{change}: the audit ends in {state}, the row in {change.state}"
        names = [event.value for event in Event]
        told = change.events.filter(kind__in=names).values_list("kind", flat=True)
        assert list(told) == kinds

    def _check_effect(self, change: ChangeSet) -> None:
        for item in items_of(change):
            if item.desired is None or (item.cluster.name, item.name) in self._disturbed:
                continue
            times = self._writes[item.desired["metadata"]["annotations"][OP]]
            assert times <= 1, f"{item} was written {times} times"
            if item.result == ChangeItem.Result.APPLIED:
                assert times == 1, f"{item} is said to be written and is not"
            if change.state in UNWRITTEN:
                assert times == 0, f"{change} is {change.state}, and {item} is written"
            self._check_item_wave(change, item, times)

    def _check_item_wave(self, change: ChangeSet, item: ChangeItem, times: int) -> None:
        """What is confirmed is written, and nothing of a wave that may not have begun."""
        plan, state = current_revision(change).waves, State(change.state)
        wave = plan.wave_of(item.cluster.name)
        at_work = state in {State.VERIFYING, State.DIVERGED}
        if wave <= change.waves_done + at_work or state is State.APPLIED:
            assert item.result == ChangeItem.Result.APPLIED, f"{item} is not written in {state}"
        if wave > change.waves_done + (state is not State.PAUSED):
            assert times == 0, f"{item} of wave {wave} is written, {change.waves_done} are done"

    def _check_wave(self, change: ChangeSet, cluster: str) -> None:
        """Everything of the waves before it is written and confirmed, and the pause was kept."""
        plan = current_revision(change).waves
        wave = plan.wave_of(cluster)
        seen = Verification.objects.filter(change=change).values_list("detail", flat=True).first() or {}
        for item in items_of(change):
            if plan.wave_of(item.cluster.name) < wave:
                assert item.result == ChangeItem.Result.APPLIED
                assert seen[item.cluster.name]["differences"] == []
        assert self._model[change.pk].may_follow(wave - 1, plan), f"wave {wave} began too early"


def _content(write: Write) -> dict[str, Any]:
    """What was sent without what guards it."""
    metadata = {k: v for k, v in write.body["metadata"].items() if k not in {"uid", "resourceVersion"}}
    return {**write.body, "metadata": metadata}
