"""Writing one object onto its cluster so that the effect happens once, whatever gets lost on the way.

Fresh dry run against the approved expectation, prior kept, intent noted, then the write, guarded by uid
and resourceVersion, then the result. No database transaction is open while the cluster is asked. An
answer that did not come is settled by reading the object and looking for our own mark.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction

from apps.changes import dryrun, intents, leases, transitions
from apps.changes.actions import watch
from apps.changes.dryrun import Tried, named
from apps.changes.models import ChangeItem, ChangeSet
from apps.clusters.gateway import (
    AlreadyExistsError,
    ClusterGateway,
    FieldConflictError,
    GatewayError,
    NotFoundError,
    OutcomeUnknownError,
    Resource,
    StaleError,
    ThrottledError,
    UnauthorizedError,
)
from apps.common import clock
from apps.mesh.patches import field_diff, stripped
from apps.pipeline import crashpoints
from apps.pipeline.crashpoints import Point

TRIES = 4
MOVED_TRIES = 4  # of a workload, whose status others write all the time
FIRST_PAUSE = 0.5  # seconds; doubles with every try
LONGEST_PAUSE = 8.0
MESSAGE_LIMIT = 2000
Sleep = Callable[[float], None]
# Answers to a write that a dry run had just passed: the object moved in between, or it was us.
MOVED = (OutcomeUnknownError, StaleError, AlreadyExistsError, NotFoundError, FieldConflictError)


class Outcome(StrEnum):
    APPLIED = "applied"
    STALE = "stale"  # the base moved; nothing was written
    REFUSED = "refused"  # the cluster will refuse it again; nothing was written
    TRANSIENT = "transient"  # no answer for now; nothing is known to be written
    HELD = "held"  # somebody has to let the console in first; nothing was written
    FENCED = "fenced"  # somebody else holds the change
    CANCELED = "canceled"  # somebody asked to stop before this object


@dataclass(frozen=True, slots=True)
class Written:
    outcome: Outcome
    message: str = ""
    resource_version: str = ""
    retry_after: float = 0.0  # seconds that the cluster asked to be left alone
    moved: bool = False  # a workload moved between our reading and our write, which did nothing


class FencedError(Exception):
    """Another worker holds the change: this one must not touch anything any more."""


def write_item(
    change: ChangeSet, item: ChangeItem, gateway: ClusterGateway, *, sleep: Sleep = time.sleep
) -> Written:
    """Brings one item to the cluster and records how it went. Never raises GatewayError."""
    try:
        resource = dryrun.resource_for(gateway, item)
        if resource is None:
            return _record(change, item, Written(Outcome.REFUSED, f"{item.api_version} is no longer served."))
        result = _until_still(lambda: _patiently(lambda: _once(change, item, gateway, resource), sleep))
    except FencedError:
        return Written(Outcome.FENCED)
    except GatewayError as error:
        result = refused(error)
    try:
        return _record(change, item, result)
    except FencedError:
        return Written(Outcome.FENCED)


def refused(error: GatewayError) -> Written:
    """What an error means for the change: try later, have somebody help, or stop."""
    if isinstance(error, UnauthorizedError):
        return Written(Outcome.HELD, error.message)
    wait = error.retry_after if isinstance(error, ThrottledError) else 0.0
    outcome = Outcome.REFUSED if error.permanent else Outcome.TRANSIENT
    return Written(outcome, error.message, retry_after=wait)


def _once(change: ChangeSet, item: ChangeItem, gateway: ClusterGateway, resource: Resource) -> Written:
    """One try. Safe to repeat: our own mark is looked for first, and the write carries uid and version."""
    live = dryrun.read(gateway, resource, item)
    if _is_ours(item, live):
        return _found(item, live, "Found applied.")
    tried = dryrun.attempt(gateway, resource, item)
    problem = _problem(item, tried)
    if problem is not None:
        return problem
    _note_intent(change, item, live)
    crashpoints.reached(Point.AFTER_INTENT)
    try:
        written = _send(gateway, resource, item, tried)
    except MOVED as error:
        return _settled(gateway, resource, item, error)
    crashpoints.reached(Point.AFTER_WRITE)
    return Written(Outcome.APPLIED, "", _version(written))


def _problem(item: ChangeItem, tried: Tried) -> Written | None:
    if not tried.ok:
        return Written(Outcome.STALE if tried.stale else Outcome.REFUSED, tried.message)
    if item.base_uid != tried.base_uid:
        return Written(Outcome.STALE, f"{named(item)} was deleted and made anew since it was approved.")
    if tried.intent != item.intent:
        return Written(
            Outcome.STALE, f"{named(item)}: the fields to write are no longer those that were approved."
        )
    approved = item.dry_run.get("comparable")
    now = intents.comparable(tried.expected) if tried.expected is not None else None
    if now != approved:
        paths = ", ".join(change.path for change in field_diff(approved, now)[:5])
        return Written(Outcome.STALE, f"{named(item)} would no longer come out as it was approved ({paths}).")
    return None


def _send(
    gateway: ClusterGateway, resource: Resource, item: ChangeItem, tried: Tried
) -> Mapping[str, Any] | None:
    if item.action == ChangeItem.Action.DELETE:
        gateway.delete(
            resource,
            item.namespace,
            item.name,
            uid=tried.base_uid,
            resource_version=tried.base_resource_version,
            dry_run=False,
        )
        return None
    guarded = dryrun.preconditioned(item.intent or {}, tried.base_uid, tried.base_resource_version)
    return gateway.apply(resource, guarded, dry_run=False, force=item.force).manifest


def _settled(gateway: ClusterGateway, resource: Resource, item: ChangeItem, error: GatewayError) -> Written:
    """Reads the object after an answer that may hide our own success. Raises to have it tried again."""
    live = dryrun.read(gateway, resource, item)
    if _is_ours(item, live, attempted=True):
        return _found(item, live, "The answer was lost; the object was found written.")
    if isinstance(error, OutcomeUnknownError):
        raise error
    why = f"{named(item)} moved in the moment of writing: {error.message}"
    moving = resource.group not in dryrun.ISTIO_GROUPS
    return Written(Outcome.STALE, why, moved=moving and isinstance(error, StaleError))


def _is_ours(item: ChangeItem, live: Mapping[str, Any] | None, *, attempted: bool = False) -> bool:
    """Whether this very item was written: the object bears our mark, and is the one that was to bear it.
    A deletion is ours when it was attempted and the object is gone, or waits for its finalizers."""
    metadata = (live or {}).get("metadata") or {}
    if item.base_uid and live is not None and metadata.get("uid") != item.base_uid:
        return False
    if item.action == ChangeItem.Action.DELETE:
        gone = live is None or bool(metadata.get("deletionTimestamp"))
        return gone and (attempted or item.written_attempt is not None)
    return live is not None and intents.operation_of(live) == intents.operation_of(item.desired or {})


def _found(item: ChangeItem, live: Mapping[str, Any] | None, message: str) -> Written:
    """It was written. Should others have changed it since, that is said; the verification judges it."""
    expected = item.dry_run.get("expected") or item.desired or {}
    if live is not None and item.desired is not None and stripped(live) != stripped(expected):
        message += " Others have changed it since."
    return Written(Outcome.APPLIED, message, _version(live))


def _note_intent(change: ChangeSet, item: ChangeItem, live: Mapping[str, Any] | None) -> None:
    with transaction.atomic():
        if not leases.renew(change):
            raise FencedError
        item.result = ChangeItem.Result.WRITING
        item.prior = stripped(live) if live is not None else None
        item.written_at = item.written_at or clock.now()
        item.written_attempt = change.attempt
        item.save(update_fields=["result", "prior", "written_at", "written_attempt"])
        transitions.note(
            change,
            actor=None,
            kind="item_writing",
            text=f"{item.get_action_display()} {named(item)}: being written.",
            tone="run",
            item=item,
        )


_RESULTS = {
    Outcome.APPLIED: (ChangeItem.Result.APPLIED, "ok"),
    Outcome.STALE: (ChangeItem.Result.FAILED, "bad"),
    Outcome.REFUSED: (ChangeItem.Result.FAILED, "bad"),
    Outcome.TRANSIENT: (ChangeItem.Result.UNKNOWN, "warn"),
    Outcome.HELD: (ChangeItem.Result.UNKNOWN, "warn"),
}


def _record(change: ChangeSet, item: ChangeItem, written: Written) -> Written:
    result, tone = _RESULTS[written.outcome]
    if result == ChangeItem.Result.UNKNOWN and item.result != ChangeItem.Result.WRITING:
        result = ChangeItem.Result.WAITING
    with transaction.atomic():
        if not leases.renew(change):
            raise FencedError
        item.result, item.result_message = result, written.message[:MESSAGE_LIMIT]
        item.written_resource_version = written.resource_version
        item.save(update_fields=["result", "result_message", "written_resource_version"])
        if result == ChangeItem.Result.APPLIED:
            watch.begin(change, item)
        text = f"{item.get_action_display()} {named(item)}: {result.label.lower()}. {written.message}".strip()
        transitions.note(change, actor=None, kind=f"item_{result}", text=text, tone=tone, item=item)
    return written


def _until_still(attempt: Callable[[], Written]) -> Written:
    """Repeats a write that was refused because the workload had just moved. Each try compares anew with what
    was approved, and ends where that no longer holds."""
    for _ in range(MOVED_TRIES - 1):
        written = attempt()
        if not written.moved:
            return written
    return attempt()


def _patiently(attempt: Callable[[], Written], sleep: Sleep) -> Written:
    """Repeats what is safe to repeat, with growing pauses. A longer Retry-After than this worker can
    wait for ends the try: the change goes back into the queue for that long."""
    for turn in range(TRIES):
        try:
            return attempt()
        except GatewayError as error:
            asked = error.retry_after if isinstance(error, ThrottledError) else 0.0
            if error.permanent or turn == TRIES - 1 or asked > LONGEST_PAUSE:
                raise
            pause = FIRST_PAUSE * 2**turn * random.uniform(0.8, 1.2)  # noqa: S311
            sleep(min(max(pause, asked), LONGEST_PAUSE))
    raise AssertionError("unreachable: the last turn returns or raises")


def _version(manifest: Mapping[str, Any] | None) -> str:
    return str(((manifest or {}).get("metadata") or {}).get("resourceVersion") or "")
