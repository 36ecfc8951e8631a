"""Who made each version of an object, as far as it says: a change of the console by its mark, others by the
fields that they own. Pure, over versions that were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.changes import intents
from apps.changes.contested import owners_met
from apps.inventory.models import ObjectVersion
from apps.mesh.patches import FieldChange, field_diff, stripped
from apps.mesh.refs import Manifest


@dataclass(frozen=True, slots=True)
class Told:
    """A version; `change` is the number of the change that wrote it ("CS-12") or ""; `managers` own what
    differs from the version before; `first` when none is known before it."""

    version: ObjectVersion
    change: str
    managers: tuple[str, ...]
    first: bool = False


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
    mark = intents.operation_of(now)
    # The mark stays when others change the object after us: it tells of the version that brought it.
    ours = mark if mark != intents.operation_of(then) else ""
    managers = owners_met(_plain(now), _plain(then), version.meta.get("managedFields") or ())
    return Told(version, ours.partition("/")[0], tuple(owned.manager for owned in managers), earlier is None)


def _plain(manifest: Manifest) -> dict[str, Any]:
    return intents.unstamped(stripped(manifest)) if manifest else {}
