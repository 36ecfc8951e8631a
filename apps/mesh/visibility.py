"""Who sees what: exportTo, revision labels, discovery selectors, serviceEntryVisibility.

Follows pilot/pkg/model/push_context.go (serviceExportTo, IsServiceVisible) and config.LabelsInRevision.
Knows neither Sidecars nor listeners.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from apps.mesh.objects.selectors import LabelSelector

PUBLIC = "*"
PRIVATE = "."
NONE = "~"
REVISION_LABEL = "istio.io/rev"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class EntryVisibility(StrEnum):
    """MeshConfig.serviceEntryVisibility's cap (Istio 1.31 and later)."""

    PUBLIC = "PUBLIC"
    NAMESPACE = "NAMESPACE"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class VisibilityPolicy:
    """`selectors` must all match the labels of the ServiceEntry's namespace; none match always."""

    selectors: tuple[LabelSelector, ...]
    visibility: EntryVisibility


def effective_export(
    given: Iterable[str], default: Iterable[str], owner: str, cap: EntryVisibility = EntryVisibility.PUBLIC
) -> frozenset[str]:
    """The exportTo in force: the object's, else the mesh default, narrowed by a cap."""
    exported = frozenset(given) or frozenset(default)
    if exported == {NONE} or cap is EntryVisibility.PUBLIC:
        return exported
    if cap is EntryVisibility.NONE:
        return frozenset({NONE})
    return frozenset({PRIVATE}) if exported & {PUBLIC, PRIVATE, owner} else frozenset({NONE})


def is_public(exported: Collection[str]) -> bool:
    return PUBLIC in exported


def visible_to(exported: Collection[str], owner: str, viewer: str) -> bool:
    """Whether an object of namespace `owner` is seen from `viewer`: `*` wins over everything, `~`
    over the rest; a named namespace does not include the owner."""
    if PUBLIC in exported:
        return True
    if NONE in exported:
        return False
    return viewer in exported or (PRIVATE in exported and owner == viewer)


def in_revision(labels: Mapping[str, str], revision: str) -> bool:
    """Whether a control plane of that revision ("default" for the unnamed one) reads the object: one without
    the label, or with this very revision. Tags are for pods; on an object of Istio they mean nobody."""
    return REVISION_LABEL not in labels or labels[REVISION_LABEL] == (revision or "default")


def is_namespace_name(text: str) -> bool:
    """Whether a namespace can have that name: a DNS label."""
    return _LABEL.fullmatch(text) is not None


def audience(exported: Collection[str], owner: str) -> frozenset[str]:
    """The namespaces that see an object, `*` for all of them; empty for `~`."""
    if PUBLIC in exported:
        return frozenset({PUBLIC})
    if NONE in exported:
        return frozenset()
    return frozenset(owner if name == PRIVATE else name for name in exported)


def discovered(selectors: Iterable[LabelSelector], labels: Mapping[str, str]) -> bool:
    """Whether a namespace with these labels is read at all; no selectors means every namespace."""
    selectors = tuple(selectors)
    return not selectors or any(selector.matches(labels) for selector in selectors)


def entry_cap(
    policies: Iterable[VisibilityPolicy], default: EntryVisibility, labels: Mapping[str, str]
) -> EntryVisibility:
    """The cap of a ServiceEntry in a namespace with these labels: the first policy that matches."""
    for policy in policies:
        if all(selector.matches(labels) for selector in policy.selectors):
            return policy.visibility
    return default
