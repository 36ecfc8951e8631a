"""What others changed of what a change wrote, as its page shows it. Turns stored values into shapes only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from apps.changes.drift import Drift
from apps.changes.models import ChangeItem, Watch
from apps.console.links import object_url
from apps.mesh.ownership import Keeper
from apps.mesh.patches import to_yaml
from apps.mesh.refs import ResourceRef


@dataclass(frozen=True, slots=True)
class DriftShown:
    """One object: what is so, in a sentence, and the fields as they were written and as they are."""

    name: str
    cluster: str
    url: str
    since: datetime | None
    sentence: str
    written: str
    now: str


@dataclass(frozen=True, slots=True)
class KeptShown:
    """A GitOps tool with the objects that it keeps, and what it will do to the change."""

    keeper: Keeper
    objects: tuple[str, ...]


def drifted(watches: Iterable[Watch]) -> list[DriftShown]:
    """The objects of a change that have drifted, in their order."""
    return [_shown(one) for one in watches]


def kept(items: Iterable[ChangeItem]) -> list[KeptShown]:
    """Who keeps what a change writes, tool by tool and source by source."""
    found: dict[Keeper, list[str]] = {}
    for item in items:
        if item.keeper is not None:
            name = f"{ResourceRef(item.kind, item.namespace, item.name)} on {item.cluster.name}"
            found.setdefault(item.keeper, []).append(name)
    return [KeptShown(keeper, tuple(names)) for keeper, names in found.items()]


def _shown(one: Watch) -> DriftShown:
    drift, ref = Drift.from_json(one.drift), ResourceRef(one.kind, one.namespace, one.name)
    return DriftShown(
        name=str(ref),
        cluster=one.cluster.name,
        url=object_url(one.cluster.name, ref),
        since=one.drifted_at,
        sentence=f"{drift.sentence}.",
        written=_text({change.path: change.before for change in drift.changes}),
        now=_text({change.path: change.after for change in drift.changes}),
    )


def _text(fields: dict[str, object]) -> str:
    there = {path: value for path, value in fields.items() if value is not None}
    return to_yaml(there) if there else ""
