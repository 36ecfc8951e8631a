"""What differs between two editions of a host set. Knows nothing of where editions are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from apps.mesh.hostsets import RequiredHost


@dataclass(frozen=True, slots=True)
class HostChange:
    """A host that both editions have, under the same key, and the names of what differs."""

    before: RequiredHost
    after: RequiredHost
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostChanges:
    """`added` and `removed` in the order of the edition they stand in. `order` are the keys of the later
    edition, where those that stay stand in another order than before; else it is empty."""

    added: tuple[RequiredHost, ...]
    removed: tuple[RequiredHost, ...]
    changed: tuple[HostChange, ...]
    unchanged: int
    order: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.order)


def differ(before: Sequence[RequiredHost], after: Sequence[RequiredHost]) -> HostChanges:
    """What one has to do to the one to get the other. A host is known by its key, so that one with another
    port is another host, removed and added."""
    old, new = {host.key: host for host in before}, {host.key: host for host in after}
    changed = [
        HostChange(old[key], host, names)
        for key, host in new.items()
        if key in old and (names := _differing(old[key], host))
    ]
    added = tuple(host for key, host in new.items() if key not in old)
    removed = tuple(host for key, host in old.items() if key not in new)
    kept = [key for key in old if key in new]
    appended = [*kept, *(host.key for host in added)]
    order = () if appended == list(new) else tuple(new)
    return HostChanges(added, removed, tuple(changed), len(kept) - len(changed), order)


def applied(before: Sequence[RequiredHost], changes: HostChanges) -> tuple[RequiredHost, ...]:
    """The hosts after the changes: `applied(a, differ(a, b))` is `b`."""
    gone = {host.key for host in changes.removed}
    found = {host.key: host for host in before if host.key not in gone}
    found.update((change.before.key, change.after) for change in changes.changed)
    found.update((host.key, host) for host in changes.added)
    return tuple(found[key] for key in changes.order or found)


def _differing(one: RequiredHost, other: RequiredHost) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in fields(RequiredHost)
        if field.name != "host" and getattr(one, field.name) != getattr(other, field.name)
    )
