"""Objects as text: the current content of an object of a cluster, and who owns its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.accounts.models import User
from apps.clusters.models import Cluster
from apps.inventory import selectors
from apps.mesh.patches import stripped, to_yaml
from apps.mesh.refs import ResourceRef

SHOWN_FIELDS = 40


@dataclass(frozen=True, slots=True)
class Owner:
    """A field manager with the fields it owns, as paths; `more` counts those that are left out."""

    manager: str
    operation: str
    fields: tuple[str, ...]
    more: int


def current_yaml(user: User, cluster: Cluster, kind: str, namespace: str, name: str) -> str:
    """The YAML of an object as it is now; "" when it is not there or may not be seen."""
    found = selectors.versions(user, cluster, kind, namespace, name).filter(valid_to__isnull=True).first()
    return to_yaml(found.content.manifest) if found else ""


def editable_yaml(user: User, cluster: Cluster, ref: ResourceRef) -> str:
    """The same without what only the server writes, as a start for a change."""
    found = selectors.versions(user, cluster, ref.kind, ref.namespace, ref.name).filter(valid_to__isnull=True)
    row = found.first()
    return to_yaml(stripped(row.content.manifest)) if row else ""


def owners(meta: Mapping[str, Any]) -> list[Owner]:
    """Who owns which fields, from the managedFields that were kept with the object."""
    found = []
    for entry in meta.get("managedFields") or ():
        if not isinstance(entry, Mapping):
            continue
        paths = tuple(_paths(entry.get("fieldsV1") or {}))
        found.append(
            Owner(
                manager=str(entry.get("manager", "")),
                operation=str(entry.get("operation", "")),
                fields=paths[:SHOWN_FIELDS],
                more=max(0, len(paths) - SHOWN_FIELDS),
            )
        )
    return found


def _paths(fields: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """`spec.hosts`, `spec.ports[{"number":443}].name`: the leaves of a fieldsV1 set."""
    for key, inner in fields.items():
        if key == ".":
            continue
        part = key.removeprefix("f:") if key.startswith("f:") else f"[{key[2:]}]"
        path = f"{prefix}{'.' if prefix and not part.startswith('[') else ''}{part}"
        if isinstance(inner, Mapping) and any(child != "." for child in inner):
            yield from _paths(inner, path)
        else:
            yield path
