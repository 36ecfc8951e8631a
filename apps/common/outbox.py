"""Writes messages that leave when the transaction commits. Does not know who carries them.

`pipeline` registers the carrier at start; without one (a command, a test) the rows wait for the
scheduler's sweep.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from apps.common.models import OutboxMessage

_carriers: list[Callable[[], object]] = []


def carry_with(carrier: Callable[[], object]) -> None:
    """Registers what publishes the waiting rows; called once, when the application starts."""
    _carriers[:] = [carrier]


def enqueue(task: str, **arguments: int | str) -> OutboxMessage:
    """Records that `task` is to run with `arguments` once the current transaction commits."""
    message = OutboxMessage.objects.create(task=task, arguments=arguments)
    transaction.on_commit(_carry, robust=True)  # the work is done: the sweep sends what this cannot
    return message


def _carry() -> None:
    for carrier in _carriers:
        carrier()
