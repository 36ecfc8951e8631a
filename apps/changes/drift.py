"""Whether an object still reads as a change wrote it. Pure: two manifests go in, what differs comes out.

Only what the change wrote counts: the fields of its apply and those that it took away. What a server or
somebody else adds beside them is no drift. Lists are compared whole, as they are atomic in Istio's kinds; the
one that is not, `ServiceEntry.spec.ports`, port by port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import msgspec

from apps.changes import intents
from apps.changes.owners import owners_met
from apps.mesh.ownership import keeper_of, tool_of
from apps.mesh.patches import FieldChange, stripped
from apps.mesh.refs import Manifest

KEYED_LISTS = frozenset({("ServiceEntry", "spec.ports")})  # items are told apart by `name`
LIMIT = 30
# Never written by a change for their own sake, or the same in every reading of the object.
_NOT_COMPARED = frozenset({"apiVersion", "kind", "status"})


class What(StrEnum):
    CHANGED = "changed"
    DELETED = "deleted"
    RECREATED = "recreated"  # deleted, made anew, and different
    BACK = "back"  # the change deleted it, and it is there again


@dataclass(frozen=True, slots=True)
class Written:
    """What a change wrote of one object. `intent` is None for a deletion, `base` for a creation;
    `expected` is the whole object right after the write, `desired` what was asked for, where admission made
    more of it; `uid` is "" where it is not known."""

    kind: str
    intent: Manifest | None
    base: Manifest | None
    expected: Manifest | None
    uid: str = ""
    desired: Manifest | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """`before` of a field is what was written, `after` what is there; `managers` own the fields now, as far
    as the cluster says; `keeper` is the GitOps tool that keeps the object, and `blamed` whether one of the
    managers is that tool."""

    what: What
    changes: tuple[FieldChange, ...] = ()
    managers: tuple[str, ...] = ()
    keeper: str = ""
    blamed: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain JSON for storing."""
        return {**asdict(self), "what": self.what.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Drift:
        """Reads what `as_json` wrote."""
        return msgspec.convert(data, cls)

    @property
    def sentence(self) -> str:
        """What is so, after the name of the object."""
        fields = ", ".join(change.path for change in self.changes[:3])
        more = f" and {len(self.changes) - 3} more" if len(self.changes) > 3 else ""
        whose = f" (now of {', '.join(self.managers)})" if self.managers else ""
        found = {
            What.CHANGED: f"no longer reads as it was written: {fields}{more}{whose}",
            What.DELETED: "was deleted",
            What.RECREATED: f"was deleted and made anew, and reads otherwise: {fields}{more}{whose}",
            What.BACK: "was deleted by the change and is there again",
        }[self.what]
        if self.blamed:
            return f"{found}. {self.keeper} keeps it, and is the likely cause"
        return f"{found}. {self.keeper} keeps it" if self.keeper else found


def drift_of(written: Written, now: Manifest | None, *, uid: str = "") -> Drift | None:
    """What is not as it was written; None when everything is. `now` is the object with its managedFields,
    None when it is not there; `uid` is that of `now`."""
    if written.intent is None:
        # With the uid that was deleted it only waits for its finalizers.
        gone = now is None or (bool(written.uid) and uid == written.uid)
        return None if gone else Drift(What.BACK, keeper=_tool(now))
    if now is None:
        return Drift(What.DELETED, keeper=_tool(written.expected))
    here, expected = _plain(now), _plain(written.expected or {})
    goal = _plain(written.desired) if written.desired is not None else expected
    changes = (
        *_altered(written.kind, _plain(written.intent), expected, here, ""),
        *_there_again(_plain(written.base or {}), goal, here, ""),
    )[:LIMIT]
    if not changes:
        return None
    managers = _managers(written, now, here)
    keeper = _tool(now)
    return Drift(
        What.RECREATED if written.uid and uid and uid != written.uid else What.CHANGED,
        changes,
        managers,
        keeper,
        blamed=bool(keeper) and any(tool_of(name) == keeper for name in managers),
    )


def put_back(
    kind: str, intent: Manifest, base: Manifest, expected: Manifest, now: Manifest
) -> dict[str, Any]:
    """`now` with every field of the apply as it was written and without what the change took away."""
    here = _plain(now)
    laid = _laid(kind, _plain(intent), _plain(expected), here, "")
    return _without(_plain(base), _plain(expected), laid)


def _laid(kind: str, intent: Manifest, expected: Manifest, now: Manifest, path: str) -> dict[str, Any]:
    found = dict(now)
    for key in intent:
        if (not path and key in _NOT_COMPARED) or key not in expected:
            continue
        wanted, there, where = expected[key], now.get(key), _join(path, key)
        if isinstance(wanted, Mapping) and isinstance(intent[key], Mapping):
            there = there if isinstance(there, Mapping) else {}
            found[key] = _laid(kind, intent[key], wanted, there, where)
        elif (kind, where) in KEYED_LISTS and isinstance(wanted, list) and isinstance(there, list):
            names = {item.get("name") for item in wanted}
            found[key] = [*wanted, *(item for item in there if item.get("name") not in names)]
        else:
            found[key] = wanted
    return found


def _without(base: Manifest, expected: Manifest, now: Manifest) -> dict[str, Any]:
    found = dict(now)
    for key, old in base.items():
        if key not in expected:
            found.pop(key, None)
        elif all(isinstance(side, Mapping) for side in (old, expected[key], found.get(key))):
            found[key] = _without(old, expected[key], found[key])
    return found


def _altered(
    kind: str, intent: Manifest, expected: Manifest, now: Manifest, path: str
) -> Iterator[FieldChange]:
    """The fields of the apply that read otherwise. What `expected` does not hold is nothing that is kept."""
    for key in intent:
        if (not path and key in _NOT_COMPARED) or key not in expected:
            continue
        wanted, found = expected[key], now.get(key)
        where = _join(path, key)
        if isinstance(wanted, Mapping) and isinstance(intent[key], Mapping):
            there = found if isinstance(found, Mapping) else {}
            yield from _altered(kind, intent[key], wanted, there, where)
        elif (kind, where) in KEYED_LISTS and isinstance(wanted, list) and isinstance(found, list):
            yield from _altered_items(wanted, found, where)
        elif wanted != found:
            yield FieldChange(where, wanted, found)


def _altered_items(wanted: list[Any], found: list[Any], path: str) -> Iterator[FieldChange]:
    there = {item.get("name"): item for item in found if isinstance(item, Mapping)}
    for item in wanted:
        name = item.get("name") if isinstance(item, Mapping) else None
        if there.get(name) != item:
            yield FieldChange(f"{path}[{name}]", item, there.get(name))


def _there_again(base: Manifest, expected: Manifest, now: Manifest, path: str) -> Iterator[FieldChange]:
    """The fields that the change took away and that are there."""
    for key, old in base.items():
        if not path and key in _NOT_COMPARED:
            continue
        where, found = _join(path, key), now.get(key)
        if key not in expected:
            if found is not None:
                yield FieldChange(where, None, found)
        elif all(isinstance(side, Mapping) for side in (old, expected[key], found)):
            yield from _there_again(old, expected[key], found or {}, where)


def _managers(written: Written, now: Manifest, here: Manifest) -> tuple[str, ...]:
    """Who owns what differs, out of the managedFields of `now`."""
    entries = (now.get("metadata") or {}).get("managedFields") or ()
    intent = _plain(written.intent or {})
    return tuple(owned.manager for owned in owners_met(here, intent, entries))


def _tool(manifest: Manifest | None) -> str:
    keeper = keeper_of(manifest) if manifest is not None else None
    return keeper.tool if keeper is not None else ""


def _plain(manifest: Manifest) -> dict[str, Any]:
    return intents.unstamped(stripped(manifest))


def _join(path: str, key: str) -> str:
    part = f"[{key}]" if any(mark in key for mark in "./") else key
    return f"{path}{part}" if part.startswith("[") or not path else f"{path}.{part}"
