"""Who else keeps an object: GitOps tools and package managers, recognised by the marks they leave.

Knows nothing of what is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.mesh.refs import Manifest, ResourceRef

ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
ARGO_INSTANCE = "argocd.argoproj.io/instance"
FLUX_PREFIXES = ("kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")
MANAGED_BY = "app.kubernetes.io/managed-by"
HELM_RELEASE = "meta.helm.sh/release-name"
OWN_MANAGER = "meshconsole"


@dataclass(frozen=True, slots=True)
class Keeper:
    """`tool` keeps the object from `source`; `reverts` is true when it will undo other people's changes."""

    tool: str
    source: str
    reverts: bool

    def warning(self, ref: ResourceRef) -> str:
        """A sentence for whoever approves a change to the object."""
        what = f"{ref} is kept by {self.tool}" + (f" ({self.source})" if self.source else "")
        if self.reverts:
            return f"{what}, which will undo this change; make it in its source as well."
        return f"{what}; its next upgrade may undo this change."


def keeper_of(manifest: Manifest) -> Keeper | None:
    """The tool that keeps an object, by its labels and annotations; None when nothing says so."""
    labels, annotations = _texts(manifest, "labels"), _texts(manifest, "annotations")
    for marks in (annotations, labels):
        if source := marks.get(ARGO_TRACKING) or marks.get(ARGO_INSTANCE):
            return Keeper("Argo CD", source.partition(":")[0], reverts=True)
        for key, value in marks.items():
            if key.startswith(FLUX_PREFIXES):
                return Keeper("Flux", value, reverts=True)
    if labels.get(MANAGED_BY) == "Helm" or HELM_RELEASE in annotations:
        return Keeper("Helm", annotations.get(HELM_RELEASE, ""), reverts=False)
    return None


def managers_of(manifest: Manifest, field: str) -> tuple[str, ...]:
    """The field managers, other than this console, that own a field below `spec` (`hosts`); empty when
    the manifest does not carry managedFields."""
    metadata = manifest.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    found: dict[str, None] = {}
    for entry in entries if isinstance(entries, list | tuple) else ():
        owned = _child(_child(entry, "fieldsV1"), "f:spec")
        if f"f:{field}" in owned:
            found[str(_child_text(entry, "manager"))] = None
    return tuple(name for name in found if name != OWN_MANAGER)


def _texts(manifest: Manifest, key: str) -> dict[str, str]:
    found = _child(_child(manifest, "metadata"), key)
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def _child(value: object, key: str) -> Mapping[str, object]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _child_text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
