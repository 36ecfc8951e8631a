"""From an approved change to a written one: claim → approvals again → write item by item → hand over.

Read this top to bottom. No database transaction is ever open while a cluster is asked; every update
names the attempt, so that a worker that was taken for dead changes nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from django.db import transaction

from apps.changes import approvals, boundaries, leases, transitions
from apps.changes.actions import watch
from apps.changes.actions.next_wave import hold
from apps.changes.actions.schedule import miss_window
from apps.changes.actions.validate import PENDING_FOR
from apps.changes.actions.verify_again import VERIFY_TASK
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeItem, ChangeSet, Revision
from apps.changes.selectors import current_revision
from apps.changes.waves import OnFailure
from apps.clusters.connect import open_gateway
from apps.clusters.gateway import ClusterGateway, GatewayError
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.outbox import enqueue
from apps.pipeline import crashpoints
from apps.pipeline.crashpoints import Point
from apps.pipeline.heartbeat import Heartbeat
from apps.pipeline.writing import Outcome, Sleep, Written, refused, write_item

MAX_ATTEMPTS = 8
QUEUED_BY = (Event.EXECUTE.value, Event.OPEN_WINDOW.value, Event.NEXT_WAVE.value)
GO_SECONDS = 120.0  # after trouble on a cluster no other one is begun later than that in the same go
PAUSE_AFTER_TROUBLE = timedelta(seconds=15)  # times the attempt number
# A worker began to write it and did not say how that ended: only the cluster knows.
BEGUN = frozenset({ChangeItem.Result.WRITING, ChangeItem.Result.UNKNOWN})
Opener = Callable[[Cluster], AbstractContextManager[ClusterGateway]]

ADVICE_PARTIAL = (
    "What is written stays written. Resume it when the cause is gone, or revert it: the revert puts back "
    "the objects that were written."
)
ADVICE_STALE = (
    "Nothing of it is on the cluster. Edit the change, so that it rests on what is there now, and submit it "
    "again."
)
ADVICE_ATTENTION = "Look at the objects below, then resume the change or revert it."


def apply_change(change_id: int, *, opener: Opener = open_gateway, sleep: Sleep = time.sleep) -> State | None:
    """One worker's go at a change. Returns the state it left it in, None when there was nothing to do.
    Safe to call any number of times, by any number of workers, at any moment."""
    crashpoints.reached(Point.BEFORE_CLAIM)
    change = transitions.claim(change_id, lease_until=clock.now() + leases.lease())
    if change is None:
        return None
    crashpoints.reached(Point.AFTER_CLAIM)
    try:
        revision = current_revision(change)
        refused = _guard(change, revision)
        if refused is not None:
            return refused
        with Heartbeat(change):
            stop = _write_all(change, revision, opener, sleep)
        return _finish(change, revision, stop)
    except transitions.LostRaceError:
        return None


def _guard(change: ChangeSet, revision: Revision) -> State | None:
    """Everything that was true when it was approved must be true now; None when it is."""
    begun = boundaries.begun(change, revision)
    if _tries(change) > MAX_ATTEMPTS:
        return _give_up(change, f"{MAX_ATTEMPTS} workers began it and none came to an end.")
    if not change.approved_digest or change.approved_digest != revision.digest:
        return _give_up(change, "What would be written is not what was approved.")
    if approvals.digest_of(revision) != revision.digest:
        return _give_up(change, "What is stored is not what was approved: its digest differs.")
    standing = approvals.standing(change, revision)
    expired = change.expires_at is not None and change.expires_at < clock.now()
    if begun:
        return None if standing.met else _give_up(change, "Approvals no longer stand after it was begun.")
    if change.waves_done:
        return hold(change, revision, standing)
    if standing.met and not expired:
        return _in_time(change) or miss_window(change, standing.ruling)
    why = "; ".join(f"{d.reviewer.display_name}: {reason}" for d, reason in standing.void)
    reason = "the approval has expired" if expired else why or "an approval is missing"
    return transitions.move(
        change,
        Event.LOSE_QUORUM,
        actor=None,
        text=f"Not applied: the approvals no longer suffice ({reason}).",
        tone="warn",
        approved_digest="",
        lease_until=None,
        expires_at=clock.now() + PENDING_FOR,
        state_message="It needs approval again; nothing was written.",
    )


def _in_time(change: ChangeSet) -> State | None:
    """None unless its end has come before its beginning."""
    if change.ends_at is None or change.ends_at > clock.now():
        return None
    text = "Its end has passed."
    stop = Written(Outcome.STALE)
    return _stop(change, Event.FIND_STALE, text, stop, "Nothing was written. Edit it and set another end.")


def _write_all(change: ChangeSet, revision: Revision, opener: Opener, sleep: Sleep) -> Written | None:
    """Writes what is not written yet of the wave, in order. None when everything is; otherwise what stopped
    it. Where the plan says so, the other clusters of the wave are written after a failure."""
    goes_on = revision.waves.on_failure is OnFailure.FINISH_WAVE
    ends = time.monotonic() + GO_SECONDS
    stops: dict[int, Written] = {}
    for item in boundaries.coming(change, revision).exclude(result=ChangeItem.Result.APPLIED):
        if item.cluster_id in stops:
            continue
        if item.result not in BEGUN and _cancel_asked(change):
            return Written(Outcome.CANCELED, "Canceled.")
        written = _write_one(change, item, opener, sleep)
        if written.outcome is Outcome.FENCED:
            return written
        if written.outcome is Outcome.APPLIED:
            crashpoints.reached(Point.AFTER_RECORD)
            continue
        stops[item.cluster_id] = written
        if not goes_on or time.monotonic() > ends:
            break
    return _worst(list(stops.values()))


def _worst(stops: list[Written]) -> Written | None:
    """What a go comes to: it is tried again when one gave no answer, else it stops with every reason."""
    if not stops:
        return None
    chosen = next((stop for stop in stops if stop.outcome is Outcome.TRANSIENT), stops[0])
    wait = max(stop.retry_after for stop in stops)
    message = "\n".join(dict.fromkeys(stop.message for stop in stops if stop.message))
    return Written(chosen.outcome, message, retry_after=wait)


def _write_one(change: ChangeSet, item: ChangeItem, opener: Opener, sleep: Sleep) -> Written:
    """One object; once more with the credential as it is then, should the cluster refuse it: it may have been
    replaced while it was in use."""
    if item.cluster.paused:
        return Written(Outcome.HELD, f"{item.cluster.name} is paused: resume it first.")
    written = _try_one(change, item, opener, sleep)
    return _try_one(change, item, opener, sleep) if written.outcome is Outcome.HELD else written


def _try_one(change: ChangeSet, item: ChangeItem, opener: Opener, sleep: Sleep) -> Written:
    try:
        with opener(item.cluster) as gateway:
            return write_item(change, item, gateway, sleep=sleep)
    except GatewayError as error:
        return refused(error)


def _cancel_asked(change: ChangeSet) -> bool:
    return ChangeSet.objects.filter(pk=change.pk, cancel_requested_at__isnull=False).exists()


def _finish(change: ChangeSet, revision: Revision, stop: Written | None) -> State | None:
    applied = revision.items.filter(result=ChangeItem.Result.APPLIED).count()
    total = revision.items.count()
    if stop is None:
        return _hand_over(change, revision)
    if stop.outcome is Outcome.FENCED:
        return None
    if stop.outcome is Outcome.TRANSIENT:
        return _later(change, stop)
    if applied:
        return _stop(change, Event.STOP_PARTIAL, _written(total, applied) + ".", stop, ADVICE_PARTIAL)
    if stop.outcome is Outcome.HELD:
        return _give_up(change, stop.message)
    if stop.outcome is Outcome.CANCELED:
        return _stop(change, Event.CANCEL, "Canceled before anything was written.", stop, "")
    if stop.outcome is Outcome.STALE:
        return _stop(change, Event.FIND_STALE, "The cluster has moved on.", stop, ADVICE_STALE)
    return _stop(
        change,
        Event.FAIL,
        "The cluster refused; nothing was written.",
        stop,
        "Propose it anew when the cause is gone.",
    )


def _written(total: int, applied: int) -> str:
    return f"{applied} of {total} object{'s' * (total != 1)} {'is' if applied == 1 else 'are'} written"


def _all_written(change: ChangeSet, revision: Revision) -> str:
    count, waves = boundaries.coming(change, revision).count(), revision.waves.count
    text = "The object is written" if count == 1 else f"All {count} objects are written"
    return text if waves == 1 else f"Wave {change.waves_done + 1} of {waves}: {text[0].lower()}{text[1:]}"


def _hand_over(change: ChangeSet, revision: Revision) -> State:
    with transaction.atomic():
        state = transitions.move(
            change,
            Event.FINISH_WRITES,
            actor=None,
            text=f"{_all_written(change, revision)}; verification begins.",
            tone="run",
            lease_until=None,
        )
        if change.kind == ChangeSet.Kind.REVERT and change.parent is not None:
            watch.release(change.parent, change)
        enqueue(VERIFY_TASK, change_id=change.pk)
    return state


def _later(change: ChangeSet, stop: Written) -> State:
    """Back into the queue, not before a pause; the sweep sends it again."""
    tries = _tries(change)
    if tries >= MAX_ATTEMPTS:
        return _give_up(change, f"No answer after {tries} attempts: {stop.message}")
    return transitions.move(
        change,
        Event.REQUEUE,
        actor=None,
        text=f"Interrupted, will be tried again: {stop.message}",
        tone="warn",
        state_message=stop.message,
        lease_until=clock.now() + max(PAUSE_AFTER_TROUBLE * tries, timedelta(seconds=stop.retry_after)),
    )


def _stop(change: ChangeSet, event: Event, text: str, stop: Written, advice: str) -> State:
    return transitions.move(
        change,
        event,
        actor=None,
        text=f"{text} {stop.message}".strip(),
        tone="bad",
        lease_until=None,
        state_message="\n".join(part for part in (text, stop.message, advice) if part),
    )


def _give_up(change: ChangeSet, reason: str) -> State:
    return transitions.move(
        change,
        Event.GIVE_UP,
        actor=None,
        text=reason,
        tone="bad",
        lease_until=None,
        state_message=f"{reason}\n{ADVICE_ATTENTION}",
    )


def _tries(change: ChangeSet) -> int:
    return leases.tries(change, Event.CLAIM.value, since=QUEUED_BY)
