"""Every object that says to whom it is visible, with the field that says so. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import DestinationRule, Service, ServiceEntry, VirtualService
from apps.mesh.parsing.networking import EXPORT_TO_ANNOTATION
from apps.mesh.snapshot import Snapshot

INPUTS = frozenset({"DestinationRule", "Service", "ServiceEntry", "VirtualService"})

FIELD = "spec.exportTo"


@dataclass(frozen=True, slots=True)
class Export:
    """`names` as given, never empty; `path` is the field."""

    item: MeshObject
    names: tuple[str, ...]
    path: str


def exports(snapshot: Snapshot) -> Iterator[Export]:
    """The objects with an exportTo of their own. A DestinationRule with a selector stays in its namespace
    whatever it says (pilot/pkg/model/push_context.go, setDestinationRules)."""
    for service in snapshot.each(Service):
        if service.export_to:
            yield Export(service, service.export_to, f"metadata.annotations[{EXPORT_TO_ANNOTATION}]")
    for entry in snapshot.each(ServiceEntry):
        if entry.export_to:
            yield Export(entry, entry.export_to, FIELD)
    for route in snapshot.each(VirtualService):
        if route.export_to:
            yield Export(route, route.export_to, FIELD)
    for rule in snapshot.each(DestinationRule):
        if rule.export_to and rule.selector is None:
            yield Export(rule, rule.export_to, FIELD)
