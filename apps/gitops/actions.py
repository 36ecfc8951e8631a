"""Keeping repositories, testing them, and asking for a push. Audited, and never with a key."""

from __future__ import annotations

import time

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, require
from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.changes import access
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.common import redaction
from apps.common.clock import now
from apps.common.errors import InvalidInputError, WrongStateError
from apps.common.outbox import enqueue
from apps.gitops import addresses, sealed
from apps.gitops import layout as paths
from apps.gitops.models import Push, Repository
from apps.gitops.pushing import PUSH_TASK, REFUSED, said
from apps.gitops.reading import refusal
from apps.gitops.remote import hostkeys, opening
from apps.gitops.remote.clone import branches

NAME_LIMIT = 100
TEXT_LIMIT = 20_000
TEST_SECONDS = 20.0

log = structlog.get_logger(__name__)


def make_repository(
    *,
    actor: User,
    name: str,
    url: str,
    branch: str = "main",
    path_template: str = paths.DEFAULT_TEMPLATE,
    layout: str = Repository.Layout.PLAIN,
    known_hosts: str = "",
    private_key: str = "",
) -> Repository:
    """Keeps a repository. Raises InvalidInputError with the field at fault, PermissionDeniedError."""
    require(actor, Permission.ADMINISTER, action="repository.make")
    row = Repository(**_checked(name, url, branch, path_template, layout, known_hosts))
    return _keep(actor, row, private_key, "repository.make", "Made")


def edit_repository(
    *,
    actor: User,
    repository: Repository,
    name: str,
    url: str,
    branch: str,
    path_template: str,
    layout: str,
    known_hosts: str,
    private_key: str = "",
) -> Repository:
    """Changes a repository; without `private_key` the key that is kept stays. Raises as `make_repository`."""
    require(actor, Permission.ADMINISTER, action="repository.edit")
    row = Repository.objects.get(pk=repository.pk)
    for field, value in _checked(name, url, branch, path_template, layout, known_hosts).items():
        setattr(row, field, value)
    return _keep(actor, row, private_key, "repository.edit", "Changed")


def remove_repository(*, actor: User, repository: Repository) -> None:
    """Forgets a repository and its key. What was pushed stays in it, and in the record."""
    require(actor, Permission.ADMINISTER, action="repository.remove")
    with transaction.atomic():
        _record(actor, "repository.remove", repository, f"Removed the repository «{repository}».")
        repository.delete()


def test_repository(*, actor: User, repository: Repository) -> str:
    """Asks the repository for its branches now; "" when the branch is there, otherwise what is wrong.
    Nothing is written: whether the key may push shows with the first push."""
    require(actor, Permission.ADMINISTER, action="repository.test")
    problem = _tried(repository)
    _record(
        actor,
        "repository.test",
        repository,
        f"Tested the repository «{repository}»: {problem or 'it answers.'}",
        Outcome.FAILED if problem else Outcome.DONE,
    )
    return problem


def request_push(*, actor: User, change: ChangeSet, repository: Repository) -> Push:
    """Has a worker push the change's revision to a branch of its own. Asked again while that is under way it
    is the same push; asked after that it is tried again. Raises PermissionDeniedError, WrongStateError."""
    revision = current_revision(change)
    access.require_everywhere(actor, Permission.EXECUTE, access.places(revision))
    problem = refusal(change)
    if problem:
        raise WrongStateError(problem)
    asked = {
        "state": Push.State.WAITING,
        "requested_by": actor,
        "requested_at": now(),
        "tries": 0,
        "problem": "",
        "finished_at": None,
    }
    known = {
        "repository_name": repository.name,
        "change": change,
        "branch": f"meshconsole/cs-{change.pk}-r{revision.number}",
    }
    with transaction.atomic():
        push, made = Push.objects.get_or_create(
            repository=repository, revision=revision, defaults={**known, **asked}
        )
        ended = Push.objects.filter(pk=push.pk, state__in=(Push.State.DONE, Push.State.FAILED))
        if made or ended.update(**asked):
            record(
                actor=actor,
                action="change.ask_push",
                summary=f"{change.number}: asked to push revision {revision.number} to «{repository}».",
                object_type="change",
                object_id=change.number,
                detail={"repository": repository.name, "branch": push.branch},
            )
            enqueue(PUSH_TASK, push_id=push.pk)
    push.refresh_from_db()
    return push


def _keep(actor: User, row: Repository, private_key: str, action: str, verb: str) -> Repository:
    key = _key(row, private_key)
    try:
        with transaction.atomic():
            row.save()
            if key is not None:
                row.ciphertext, row.public_key = sealed.seal(row.pk, private_key), sealed.public_half(key)
                row.save(update_fields=["ciphertext", "public_key"])
            said = " It has a new key." if key is not None else ""
            _record(actor, action, row, f"{verb} the repository «{row}» at {row.url}.{said}")
    except IntegrityError:
        raise InvalidInputError("Another repository has this name.", field="name") from None
    return row


def _checked(
    name: str, url: str, branch: str, path_template: str, layout: str, known_hosts: str
) -> dict[str, str]:
    name, url, known_hosts = " ".join(name.split()), url.strip(), known_hosts.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidInputError(f"Give it a name of at most {NAME_LIMIT} characters.", field="name")
    if layout not in Repository.Layout.values:
        raise InvalidInputError(f"Choose one of {', '.join(Repository.Layout.values)}.", field="layout")
    if len(known_hosts) > TEXT_LIMIT or "\x00" in known_hosts:
        raise InvalidInputError("That is more than the keys of one server.", field="known_hosts")
    field = "url"
    try:
        address = addresses.parse(url)
        if isinstance(address, addresses.SshAddress):
            field = "known_hosts"
            hostkeys.host_keys(address, known_hosts)
        else:
            opening.local_path(address, settings.MESHCONSOLE_GIT_ROOTS)
            known_hosts = ""
        field = "branch"
        paths.checked_branch(branch)
        field = "path_template"
        paths.checked_template(path_template)
    except (*REFUSED, paths.LayoutError) as refused:
        raise InvalidInputError(str(refused), field=field) from None
    return {
        "name": name,
        "url": url,
        "branch": branch,
        "path_template": path_template,
        "layout": layout,
        "known_hosts": known_hosts,
    }


def _key(row: Repository, text: str) -> sealed.PrivateKey | None:
    """The key that was given, None when the one that is kept stays, or none is needed."""
    if isinstance(addresses.parse(row.url), addresses.LocalAddress):
        row.ciphertext = row.public_key = ""
        return None
    if not text and row.ciphertext:
        return None
    try:
        return sealed.read_key(text[:TEXT_LIMIT])
    except sealed.KeyRefusedError as refused:
        raise InvalidInputError(str(refused), field="private_key") from None


def _tried(repository: Repository) -> str:
    try:
        deadline = time.monotonic() + TEST_SECONDS
        client, path = opening.opened(repository, roots=settings.MESHCONSOLE_GIT_ROOTS, deadline=deadline)
        found = branches(client, path)
    except REFUSED as refused:
        return redaction.text(str(refused))
    except Exception as failure:  # a library that meets bytes which it does not expect raises anything
        log.exception("repository_test_failed", repository=repository.pk)
        return said(failure)
    if repository.branch not in found:
        return f"It answers, and has no branch «{repository.branch}»."
    return ""


def _record(actor: User, action: str, row: Repository, summary: str, outcome: Outcome = Outcome.DONE) -> None:
    record(
        actor=actor,
        action=action,
        summary=summary,
        object_type="repository",
        object_id=str(row.pk),
        outcome=outcome,
        detail={"branch": row.branch, "path": row.path_template, "layout": row.layout, "key": row.public_key},
    )
