"""The sweep: nothing stays stuck because a message or a worker was lost. Decides nothing by itself: it
sends again what nobody works on, and whoever receives that claims it in the database."""

from __future__ import annotations

from dataclasses import dataclass

from apps.changes import leases
from apps.changes.actions import expire, validate
from apps.changes.actions.execute import APPLY_TASK
from apps.changes.actions.submit import VALIDATE_TASK
from apps.changes.actions.verify_again import VERIFY_TASK
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeSet
from apps.common import clock
from apps.common.outbox import enqueue
from apps.pipeline.settling import LOOKED_AT, SETTLE_TASK

MAX_VALIDATIONS = 5
TASKS = {
    State.VALIDATING: VALIDATE_TASK,
    State.QUEUED: APPLY_TASK,
    State.APPLYING: APPLY_TASK,
    State.VERIFYING: VERIFY_TASK,
}


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many changes were sent again, how many for the look after settling, and how many expired."""

    sent: int
    settled: int
    expired: int


def recover_stuck() -> Recovered:
    """Sends again every change whose worker is silent or that no worker has begun."""
    stuck = list(ChangeSet.objects.filter(leases.free(), state__in=list(TASKS)).order_by("pk"))
    for change in stuck:
        state = State(change.state)
        if state is State.VALIDATING and _validations(change) >= MAX_VALIDATIONS:
            validate.give_up(change_id=change.pk, message="No worker finished the dry run.")
        else:
            enqueue(TASKS[state], change_id=change.pk)
    return Recovered(len(stuck), _look_again(), expire.expire_due(now=clock.now()))


def _look_again() -> int:
    """Sends every change whose settling time is over."""
    due = ChangeSet.objects.filter(leases.free(), settles_at__lte=clock.now(), state__in=LOOKED_AT)
    numbers = list(due.order_by("pk").values_list("pk", flat=True))
    for number in numbers:
        enqueue(SETTLE_TASK, change_id=number)
    return len(numbers)


def _validations(change: ChangeSet) -> int:
    return leases.tries(change, validate.BEGAN, since={Event.SUBMIT.value})
