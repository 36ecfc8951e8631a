"""The second look at a change, some minutes after the first: what has come to rest by then.

An applied change stays applied, whatever is found; one that had diverged and does by now what was predicted
becomes applied. Safe to run twice: the time of the look is taken off with its result.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.audit import actions as audit
from apps.changes import leases, transitions
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeItem, ChangeSet, Revision, Verification
from apps.changes.occupied import PLACE
from apps.changes.selectors import current_revision
from apps.clusters.connect import open_gateway
from apps.clusters.gateway import GatewayError
from apps.common import clock
from apps.pipeline.heartbeat import Heartbeat
from apps.pipeline.observing import Opener, Refresher, RefreshFailedError
from apps.pipeline.verifying import PAUSE, confirm, differences_of, look

SETTLE_TASK = "pipeline.settle_change"
BEGAN = "settle_began"
GIVEN = (Event.CONFIRM.value, Event.CALL_REVIEW.value, Event.DIVERGE.value)
SETTLED, UNSETTLED, LEFT = "settled", "settle_diverged", "settle_left"
LOOKED_AT = (State.APPLIED, State.REVIEW_DUE, State.DIVERGED)
MAX_ATTEMPTS = 5


def settle_change(
    change_id: int, *, refresher: Refresher | None = None, opener: Opener = open_gateway
) -> bool | None:
    """Whether the effect is still what was predicted. None when there was nothing to do, or no answer."""
    change = _take(change_id)
    if change is None:
        return None
    revision = current_revision(change)
    later = _written_since(revision)
    if later is not None:
        _leave(change, f"Not looked at after settling: {later.number} has written the same since.", "")
        return None
    try:
        with Heartbeat(change):
            detail = look(revision, revision.items.all(), refresher=refresher, opener=opener, settled=True)
    except GatewayError as error:
        _later(change, error.message)
        return None
    except RefreshFailedError as error:
        _later(change, str(error))
        return None
    try:
        return _record(change, detail)
    except transitions.LostRaceError:
        return None


def _take(change_id: int) -> ChangeSet | None:
    due = ChangeSet.objects.filter(pk=change_id, settles_at__lte=clock.now(), state__in=LOOKED_AT).first()
    if due is None:
        return None
    text = "It has settled: reading the clusters once more."
    return leases.take(change_id, State(due.state), kind=BEGAN, text=text)


def _written_since(revision: Revision) -> ChangeSet | None:
    """A later change that wrote one of the objects; None when there is none."""
    written = {row[:4]: row[4] for row in revision.items.values_list(*PLACE, "written_at")}
    clusters = {place[0] for place in written}
    times = [at for at in written.values() if at is not None]
    others = ChangeItem.objects.filter(cluster__in=clusters, written_at__gt=min(times, default=clock.now()))
    for number, *place, at in others.exclude(revision__change=revision.change_id).values_list(
        "revision__change", *PLACE, "written_at"
    ):
        before = written.get(tuple(place))
        if before is not None and at > before:
            return ChangeSet.objects.get(pk=number)
    return None


def _record(change: ChangeSet, detail: dict[str, Any]) -> bool | None:
    differences = differences_of(detail)
    confirmed = not differences
    with transaction.atomic():
        if not _done(change):
            return None
        Verification.objects.update_or_create(
            change=change,
            phase=Verification.Phase.SETTLED,
            defaults={"at": clock.now(), "confirmed": confirmed, "detail": detail},
        )
        if confirmed:
            _told(change, SETTLED, "Confirmed after settling: it still does what was predicted.", "ok")
            if change.state == State.DIVERGED:
                text = "It has settled to what was predicted."
                transitions.move(change, Event.VERIFY_AGAIN, actor=None, text=text)
                confirm(
                    change,
                    "Confirmed after settling: the cluster does what was predicted.",
                    waves_done=current_revision(change).waves.count,
                )
        elif change.state == State.DIVERGED:
            _told(change, LEFT, f"After settling it still differs: {differences[0]}", "bad")
        else:
            more = f" And {len(differences) - 1} more." if len(differences) > 1 else ""
            _told(change, UNSETTLED, f"It no longer does what was predicted: {differences[0]}{more}", "bad")
    return confirmed


def _later(change: ChangeSet, message: str) -> None:
    if leases.tries(change, BEGAN, since=GIVEN) >= MAX_ATTEMPTS:
        _leave(change, f"It could not be looked at after settling: {message}", "warn")
        return
    held = ChangeSet.objects.filter(pk=change.pk, attempt=change.attempt)
    held.update(lease_until=clock.now() + PAUSE)


def _leave(change: ChangeSet, text: str, tone: str) -> None:
    with transaction.atomic():
        if _done(change):
            _told(change, LEFT, text, tone)


def _done(change: ChangeSet) -> bool:
    """Takes the time of the look off; False when another worker holds the change."""
    held = ChangeSet.objects.filter(pk=change.pk, attempt=change.attempt, settles_at__isnull=False)
    return bool(held.update(settles_at=None, lease_until=None))


def _told(change: ChangeSet, kind: str, text: str, tone: str) -> None:
    transitions.note(change, actor=None, kind=kind, text=text, tone=tone)
    audit.record(
        actor=None,
        action=f"change.{kind}",
        summary=f"{change.number}: {text}"[: transitions.TEXT_LIMIT],
        object_type="change",
        object_id=change.number,
    )
