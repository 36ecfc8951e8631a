"""Who owns which field: `metadata.managedFields`, and how writes move ownership.

An update takes what it changes from everybody. An apply that would change what somebody else owns is a
conflict unless forced. Rules as in structured-merge-diff; no HTTP here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from apps.simcluster.comparing import Comparison, compare
from apps.simcluster.errors import ApiError
from apps.simcluster.fieldsets import EMPTY, FieldSet, Path, decode, encode, ordered, shown
from apps.simcluster.schema import Json, Node


class Operation(StrEnum):
    APPLY = "Apply"
    UPDATE = "Update"


@dataclass(frozen=True, slots=True)
class Manager:
    """Who writes: name, way of writing, version used and subresource."""

    name: str
    operation: Operation
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Applies are one manager whatever version they used."""
        version = "" if self.operation is Operation.APPLY else self.api_version
        return self.name, self.operation.value, version, self.subresource

    def described(self) -> str:
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation is Operation.UPDATE:
            text += f" using {self.api_version}"
        return text


@dataclass(frozen=True, slots=True)
class Ownership:
    """One manager's fields and when it last took any (RFC 3339, None for never)."""

    manager: Manager
    fields: FieldSet
    time: str | None


Owners = dict[tuple[str, str, str, str], Ownership]

METADATA_NOISE = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
]
_UNTRACKED: FieldSet = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",)]
    + [("f:metadata", "f:" + name) for name in METADATA_NOISE]
)
BEFORE_FIRST_APPLY = "before-first-apply"


def tracked(paths: Iterable[Path], reset: Sequence[str]) -> FieldSet:
    """The paths that are recorded: without identity fields and without the top-level fields of `reset`."""
    tops = {"f:" + name for name in reset}
    return frozenset(path for path in paths if path not in _UNTRACKED and path[0] not in tops)


def owners_of(entries: Sequence[Json] | None) -> Owners:
    """Ownership from `metadata.managedFields`; entries that cannot be read are ignored."""
    found: Owners = {}
    for entry in entries or ():
        if (
            not isinstance(entry, dict)
            or entry.get("operation") not in ("Apply", "Update")
            or not isinstance(entry.get("fieldsV1"), dict)
        ):
            continue
        manager = Manager(
            entry.get("manager", ""),
            Operation(entry["operation"]),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )
        found[manager.identity] = Ownership(manager, decode(entry["fieldsV1"]), entry.get("time"))
    return found


def entries_of(owners: Owners) -> list[Json]:
    """`metadata.managedFields` in the server's order: applies first, then by time and name."""
    stated = ((owner.manager, owner.time, encode(owner.fields)) for owner in owners.values() if owner.fields)
    return entries(stated)


def entries(stated: Iterable[tuple[Manager, str | None, Json]]) -> list[Json]:
    """`metadata.managedFields` of managers, their times and their fields in `fieldsV1` form."""
    ranked = sorted(
        stated,
        key=lambda row: (
            row[0].operation.value,
            row[1] or "",
            row[0].name,
            row[0].api_version,
            row[0].subresource,
        ),
    )
    return [_entry(*row) for row in ranked]


def _entry(manager: Manager, time: str | None, fields: Json) -> Json:
    entry: Json = {
        "manager": manager.name,
        "operation": manager.operation.value,
        "apiVersion": manager.api_version,
    }
    if time:
        entry["time"] = time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields}
    if manager.subresource:
        entry["subresource"] = manager.subresource
    return entry


def _without(owners: Owners, lost: FieldSet, *, keep: tuple[str, str, str, str]) -> Owners:
    return {
        identity: owner if identity == keep else replace(owner, fields=owner.fields - lost)
        for identity, owner in owners.items()
    }


def after_update(
    owners: Owners, change: Comparison, manager: Manager, now: str, reset: Sequence[str]
) -> Owners:
    """Ownership after a POST, PUT or patch: the manager owns what it changed, nobody else does."""
    taken = tracked(change.changed, reset)
    removed = tracked(change.removed, reset)
    left = _without(owners, taken | removed, keep=manager.identity)
    own = left.get(manager.identity)
    fields = ((own.fields if own else EMPTY) - removed) | taken
    time = now if taken else (own.time if own else None)
    left[manager.identity] = Ownership(manager, fields, time)
    return {identity: owner for identity, owner in left.items() if owner.fields}


def first_owner(live: Json, node: Node, api_version: str, reset: Sequence[str]) -> Owners:
    """Who owns an object that nobody tracked when it is applied for the first time."""
    manager = Manager(BEFORE_FIRST_APPLY, Operation.UPDATE, api_version)
    fields = tracked(compare({}, live, node).added, reset)
    return {manager.identity: Ownership(manager, fields, None)}


def after_apply(
    owners: Owners, change: Comparison, own: Ownership, reset: Sequence[str], *, force: bool
) -> Owners:
    """Ownership after an apply that states `own.fields`; raises 409 when others own what it changes."""
    identity = own.manager.identity
    changed = tracked(change.changed, reset)
    removed = tracked(change.removed, reset)
    disputes = {
        key: owner.fields & changed
        for key, owner in owners.items()
        if key != identity and owner.fields & changed
    }
    if disputes and not force:
        raise conflicts([(owners[key].manager, paths) for key, paths in disputes.items()])
    left = _without(owners, changed | removed, keep=identity)
    left[identity] = own
    return {key: owner for key, owner in left.items() if owner.fields}


def conflicts(disputes: Sequence[tuple[Manager, FieldSet]]) -> ApiError:
    """409 with one cause a field and manager."""
    listed = [(manager.described(), shown(path)) for manager, paths in disputes for path in ordered(paths)]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": field}
        for who, field in listed
    ]
    if len(listed) == 1:
        text = f"Apply failed with 1 conflict: conflict with {listed[0][0]}: {listed[0][1]}"
    else:
        lines = []
        for who in sorted({who for who, _ in listed}):
            lines.append(f"conflicts with {who}:")
            lines += [f"- {field}" for named, field in listed if named == who]
        text = f"Apply failed with {len(listed)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", text, details={"causes": causes})
