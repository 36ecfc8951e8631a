"""Suppressions as pages show them, and findings in groups. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from apps.accounts.models import User
from apps.analysis.models import Finding, Suppression
from apps.analysis.suppressing import may_suppress
from apps.common import badges
from apps.common.badges import Badge


@dataclass(frozen=True, slots=True)
class Shown:
    """A suppression with its state in a word; `scope` says what it covers."""

    row: Suppression
    state: Badge
    scope: str
    may_lift: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one page under a heading; "" where they are not grouped. `count` is of all pages."""

    label: str
    count: int
    rows: Sequence[Any]


def shown(user: User, row: Suppression, today: date) -> Shown:
    """One suppression for one person."""
    state = row.state(today)
    return Shown(
        row=row,
        state=badges.of(badges.SUPPRESSIONS, state),
        scope="this one finding" if row.fingerprint else "every finding that matches",
        may_lift=state == "holds" and may_suppress(user, row.cluster, row.namespace),
    )


def groups(rows: Sequence[Finding], field: str, counts: Mapping[str, int]) -> list[Group]:
    """The rows of a page, which are in the order of the field, under the values of it."""
    if not field:
        return [Group("", len(rows), rows)]
    found = []
    for value, members in groupby(rows, key=lambda row: str(getattr(row, field))):
        inside = list(members)
        label = f"{value}: {inside[0].title}" if field == "code" else value or "No namespace"
        found.append(Group(label, counts.get(value, len(inside)), inside))
    return found
