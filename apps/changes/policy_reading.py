"""Who may read the approval policy, and a question to it before there is a change."""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows, allows_somewhere
from apps.changes import policy_versions
from apps.changes.gates import Gate, gate
from apps.changes.policies import Ruling, Subject, evaluate
from apps.clusters import selectors as clusters
from apps.common import clock
from apps.common.errors import PermissionDeniedError


@dataclass(frozen=True, slots=True)
class Answer:
    """What the version in force would ask of such a write now."""

    version: int
    subject: Subject
    ruling: Ruling
    gate: Gate


def require_reader(user: User) -> None:
    """Raises PermissionDeniedError for somebody who may see nothing at all."""
    if not allows_somewhere(user, Permission.VIEW):
        raise PermissionDeniedError("Your roles do not let you see the approval policy.")


def administers(user: User) -> bool:
    """Whether the person may propose versions and decide on those of others."""
    return allows(user, Permission.ADMINISTER)


def ask(user: User, subject: Subject) -> Answer:
    """The answer for a write that nobody proposed yet. Of a cluster that the person may see, the
    environment is filled in."""
    require_reader(user)
    if subject.cluster and not subject.environment:
        cluster = clusters.visible(user).filter(name=subject.cluster).first()
        subject = replace(subject, environment=cluster.environment if cluster else "")
    active = policy_versions.active()
    ruling = evaluate(active.policy, [subject])
    return Answer(active.number, subject, ruling, gate(ruling, clock.now()))
