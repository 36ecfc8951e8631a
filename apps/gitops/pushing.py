"""Carrying out a push: claim, fetch, lay the change into the files, commit, push, record. Safe to run twice.

Nothing of a repository is asked inside a transaction. The branch belongs to the revision: it is made new, or
continued where its tip is this push's own commit, and never moved over a commit of somebody else.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.audit import actions as audit
from apps.audit.models import Outcome
from apps.changes import transitions
from apps.clusters.secrets import SecretUnreadableError
from apps.common import redaction
from apps.common.clock import now
from apps.common.outbox import enqueue
from apps.gitops.addresses import AddressError
from apps.gitops.exported import Exported
from apps.gitops.message import commit_message
from apps.gitops.models import Push, Repository
from apps.gitops.placing import Files, PlacingError, placed
from apps.gitops.reading import exported, refusal
from apps.gitops.remote.clone import Clone, cloned, send
from apps.gitops.remote.failures import RemoteError
from apps.gitops.remote.opening import opened
from apps.gitops.sealed import KeyRefusedError

PUSH_TASK = "pipeline.push_to_git"
BUDGET_SECONDS = 120.0
HELD = timedelta(minutes=5)  # by an attempt; longer than any takes
TELL_AGAIN = timedelta(seconds=60)
MAX_TRIES = 3
SAID_LIMIT = 300
REFUSED = (RemoteError, PlacingError, SecretUnreadableError, AddressError, KeyRefusedError)

log = structlog.get_logger(__name__)


def push(push_id: int) -> Push | None:
    """Carries one push out and returns it, ended; None when there was nothing to do."""
    row = _claim(push_id)
    if row is None:
        return None
    problem = ""
    try:
        _carry_out(row)
    except REFUSED as failure:
        problem = redaction.text(str(failure))
    except Exception as failure:  # a library that meets bytes which it does not expect raises anything
        log.exception("push_failed", push=row.pk)
        problem = said(failure)
    _record(row, problem)
    row.refresh_from_db()
    return row


def send_waiting() -> int:
    """Sends again what no worker has begun, or a dead one has left; how many."""
    waiting = Q(state=Push.State.WAITING, requested_at__lt=now() - TELL_AGAIN)
    left = Q(state=Push.State.PUSHING, busy_until__lt=now())
    found = list(Push.objects.filter(waiting | left).values_list("pk", flat=True))
    for pk in found:
        enqueue(PUSH_TASK, push_id=pk)
    return len(found)


def _claim(push_id: int) -> Push | None:
    free = Q(state=Push.State.WAITING) | Q(state=Push.State.PUSHING, busy_until__lt=now())
    taken = Push.objects.filter(free, pk=push_id).update(
        state=Push.State.PUSHING, attempt=F("attempt") + 1, tries=F("tries") + 1, busy_until=now() + HELD
    )
    if not taken:
        return None
    return Push.objects.select_related("repository", "change", "revision", "requested_by").get(pk=push_id)


def _carry_out(row: Push) -> None:
    if row.tries > MAX_TRIES:
        raise RemoteError(f"{MAX_TRIES} workers began it and none came to an end.")
    if row.repository is None:
        raise RemoteError("The repository was removed from the console.")
    made = exported(row.change)
    problem = refusal(row.change)
    if problem or made.revision != row.revision.number:
        raise RemoteError(problem or f"There is a newer revision of {made.number} by now.")
    deadline = time.monotonic() + BUDGET_SECONDS
    client, path = opened(row.repository, roots=settings.MESHCONSOLE_GIT_ROOTS, deadline=deadline)
    with cloned(client, path, (row.repository.branch, row.branch), deadline=deadline) as clone:
        if _prepare(row, row.repository, made, clone):
            tip = clone.tip(row.branch)
            send(client, path, clone, row.branch, commit=row.commit, expected=tip)


def _prepare(row: Push, repository: Repository, made: Exported, clone: Clone) -> bool:
    """Makes the commit and notes it; False when the branch has it. Raises RemoteError, PlacingError."""
    base, tip = clone.tip(repository.branch), clone.tip(row.branch)
    if not base:
        raise RemoteError(f"The repository has no branch «{repository.branch}».")
    if tip and tip not in (row.commit, row.parent):
        raise RemoteError(
            f"The branch {row.branch} is there already, with commits that are not of this push. "
            "Rename or delete it, then push again."
        )
    parent = tip or base
    known = clone.files(parent)
    files = Files({name: regular for name, (regular, _) in known.items()}, lambda n: clone.read(known[n][1]))
    laid = placed(
        made,
        files,
        template=repository.path_template,
        kustomize=repository.layout == Repository.Layout.KUSTOMIZE,
    )
    if tip and tip == row.commit and not laid.files and row.approved == made.approved:
        return False
    if not tip and not laid.files:
        raise RemoteError(f"«{repository.branch}» says all of this already: there is nothing to push.")
    commit = clone.commit(
        parent,
        laid.files,
        author=f"meshconsole <{settings.DEFAULT_FROM_EMAIL}>",
        at=int(row.requested_at.timestamp()),
        message=commit_message(made, pushed_by=row.requested_by.display_name, notes=laid.notes),
    )
    again = bool(tip) and not laid.files  # the same files, approved by now
    _note(row, parent, commit, made.approved, row.files if again else list(laid.files), list(laid.notes))
    return True


def _note(row: Push, parent: str, commit: str, approved: bool, files: list[str], notes: list[str]) -> None:
    fields = {"parent": parent, "commit": commit, "approved": approved, "files": files, "notes": notes}
    if not Push.objects.filter(pk=row.pk, attempt=row.attempt).update(**fields):
        raise RemoteError("Another worker took this push over.")
    for name, value in fields.items():
        setattr(row, name, value)


def _record(row: Push, problem: str) -> None:
    """The result, the timeline and the audit record, unless another attempt has begun."""
    state = Push.State.FAILED if problem else Push.State.DONE
    with transaction.atomic():
        mine = Push.objects.filter(pk=row.pk, attempt=row.attempt).update(
            state=state, problem=problem, busy_until=None, finished_at=now()
        )
        if not mine:
            return
        where = f"branch {row.branch} of «{row.repository_name}»"
        text = f"Not pushed to {where}: {problem}" if problem else f"Pushed to {where}: {row.commit[:12]}."
        transitions.note(
            row.change,
            actor=row.requested_by,
            kind="push_failed" if problem else "pushed",
            text=text,
            tone="bad" if problem else "ok",
        )
        audit.record(
            actor=row.requested_by,
            action="change.push",
            summary=f"{row.change.number}: {text}",
            object_type="change",
            object_id=row.change.number,
            outcome=Outcome.FAILED if problem else Outcome.DONE,
            detail={
                "repository": row.repository_name,
                "branch": row.branch,
                "commit": "" if problem else row.commit,
                "revision": row.revision.number,
                "approved": row.approved,
                "files": [] if problem else row.files,
            },
        )


def said(failure: Exception) -> str:
    """What Dulwich, Paramiko or the system said, as one sentence."""
    text = " ".join(redaction.text(str(failure)).split())[:SAID_LIMIT] or type(failure).__name__
    return f"The repository could not be used: {text}"
