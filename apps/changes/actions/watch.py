"""Which change watches an object: the one that wrote it last, until that is reverted or the drift accepted.

Called in the transaction that records a write, so that a watch is there when the write is.
"""

from __future__ import annotations

from apps.audit import actions as audit
from apps.changes import decisions, transitions
from apps.changes.models import ChangeItem, ChangeSet, Watch
from apps.common import clock
from apps.inventory.kinds import BY_NAME

ENDED = "drift_ended"


def begin(change: ChangeSet, item: ChangeItem) -> None:
    """The change watches what this item wrote; whoever watched the object before does no more. A kind that
    is never read cannot be watched."""
    if item.kind not in BY_NAME:
        return
    same = Watch.objects.filter(
        cluster=item.cluster_id, kind=item.kind, namespace=item.namespace, name=item.name
    )
    before = same.select_related("change").first()
    if before is not None and before.change_id != change.pk:
        decisions.locked(before.change)  # before its watch, as everybody does who touches both
    same.delete()
    Watch.objects.create(
        cluster_id=item.cluster_id,
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        change=change,
        item=item,
        uid=item.base_uid,
        since=clock.now(),
    )
    if before is not None and before.change_id != change.pk and before.drifted_at is not None:
        text = (
            f"{change.number} has written {item.kind} {item.namespace}/{item.name} since: watched no longer."
        )
        flag(before.change, kind=ENDED, text=text, tone="")


def release(change: ChangeSet, by: ChangeSet) -> None:
    """What `by` has put back is watched no longer for `change`."""
    drifted = decisions.locked(change).drifted_at is not None
    Watch.objects.filter(change=change).delete()
    if drifted:
        flag(change, kind=ENDED, text=f"{by.number} has reverted it: watched no longer.", tone="")


def flag(change: ChangeSet, *, kind: str, text: str, tone: str) -> None:
    """Says on the change since when something of it has drifted, if anything has, with a line in timeline
    and audit. The caller owns the transaction."""
    locked = decisions.locked(change)
    drifted = Watch.objects.filter(change=change, drifted_at__isnull=False).order_by("drifted_at").first()
    since = drifted.drifted_at if drifted is not None else None
    ChangeSet.objects.filter(pk=change.pk).update(drifted_at=since)
    change.drifted_at = since
    transitions.note(locked, actor=None, kind=kind, text=text, tone=tone)
    audit.record(
        actor=None,
        action=f"change.{kind}",
        summary=f"{change.number}: {text}"[: transitions.TEXT_LIMIT],
        object_type="change",
        object_id=change.number,
    )
