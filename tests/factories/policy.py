"""A policy in force for tests, proposed and approved by two administrators of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.accounts.models import Role
from apps.changes.actions.decide_policy import decide_policy
from apps.changes.actions.propose_policy import propose_policy
from apps.changes.models import PolicyVersion
from tests.factories.people import person


def in_force(content: Mapping[str, Any]) -> PolicyVersion:
    """The content as the version that counts from now on."""
    author, other = (person(name, Role.ADMINISTRATOR) for name in ("policy-author", "policy-approver"))
    version = propose_policy(actor=author, content=content, reason="A test.")
    return decide_policy(actor=other, version=version, approve=True)
