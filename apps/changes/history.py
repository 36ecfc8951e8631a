"""Who made each version of an object, as far as it says: a change of the console by its mark, others by the
fields that they own. Pure, over versions that were read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.changes import intents
from apps.changes.owners import owners_met
from apps.inventory.models import ObjectVersion
from apps.mesh.patches import FieldChange, field_diff, stripped
from apps.mesh.refs import Manifest

MARK = re.compile(r"CS-(\d{1,18})/")


@dataclass(frozen=True, slots=True)
class Told:
    """A version; `change` is the id of the change that wrote it, None for others; `managers` own what
    differs from the version before; `first` when none is known before it."""

    version: ObjectVersion
    change: int | None
    managers: tuple[str, ...]
    first: bool = False

    @property
    def number(self) -> str:
        return f"CS-{self.change}" if self.change is not None else ""


def told(versions: Sequence[ObjectVersion], before: ObjectVersion | None = None) -> list[Told]:
    """Each of the versions, newest first, with who made it; `before` is the one before the last of them."""
    return [
        _told(version, earlier) for version, earlier in zip(versions, [*versions[1:], before], strict=True)
    ]


def compared(old: ObjectVersion, new: ObjectVersion) -> tuple[FieldChange, ...]:
    """Every field that differs between two versions; the console's mark is none."""
    return field_diff(_plain(old.content.manifest), _plain(new.content.manifest))


def _told(version: ObjectVersion, earlier: ObjectVersion | None) -> Told:
    now = version.content.manifest
    then: Mapping[str, Any] = earlier.content.manifest if earlier is not None else {}
    owners = version.meta.get("managedFields") or ()
    # The mark stays when others change the object after us: it tells of the version that brought it.
    brought = intents.operation_of(now) != intents.operation_of(then)
    written = MARK.match(intents.operation_of(now)) if brought and _console_owns(owners) else None
    managers = owners_met(_plain(now), _plain(then), owners)
    return Told(
        version,
        int(written[1]) if written is not None else None,
        tuple(owned.manager for owned in managers),
        earlier is None,
    )


def _console_owns(owners: Sequence[Mapping[str, Any]]) -> bool:
    """Anybody can write the mark; only who is signed in as the console owns fields by its name."""
    return any(entry.get("manager") == intents.FIELD_MANAGER for entry in owners)


def _plain(manifest: Manifest) -> dict[str, Any]:
    return intents.unstamped(stripped(manifest)) if manifest else {}
