"""Who else keeps an object: GitOps tools and package managers, recognised by the marks they leave.

Knows nothing of what is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.mesh.refs import Manifest, ResourceRef

ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
ARGO_INSTANCE = "argocd.argoproj.io/instance"
FLUX_PREFIXES = ("kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")
MANAGED_BY = "app.kubernetes.io/managed-by"
HELM_RELEASE = "meta.helm.sh/release-name"
OWN_MANAGER = "meshconsole"
ARGO_CD, FLUX, HELM = "Argo CD", "Flux", "Helm"
# Field managers are called like the program or its setting: Argo CD's `argocd-controller` (server-side apply)
# and `argocd-application-controller`, Flux' `kustomize-controller` and `helm-controller`, Helm's `helm`.
_MANAGERS = (
    ("argocd", ARGO_CD),
    ("kustomize-controller", FLUX),
    ("helm-controller", FLUX),
    ("flux", FLUX),
    ("helm", HELM),
)
# Argo CD: docs/user-guide/auto_sync.md (self-heal) and the default reconciliation of 120 s and up to 60 s of
# jitter. Flux: spec.interval of Kustomization, spec.driftDetection of HelmRelease.
_HAPPENS = {
    ARGO_CD: "With self-heal it puts the object back within seconds, after three minutes at the latest; "
    "without it the application is OutOfSync until the next sync puts it back.",
    FLUX: "A Kustomization puts the object back at its next interval; a HelmRelease at its next upgrade, "
    "or at its next interval where drift detection is on.",
    HELM: "Helm writes the object over at the next upgrade of the release that touches it.",
}


@dataclass(frozen=True, slots=True)
class Keeper:
    """`tool` keeps the object from `source`; `reverts` is true when it will undo other people's changes."""

    tool: str
    source: str
    reverts: bool

    @property
    def what_happens(self) -> str:
        """What becomes of a change that is made on the cluster only, and when."""
        return _HAPPENS[self.tool]

    def warning(self, ref: ResourceRef) -> str:
        """A sentence for whoever approves a change to the object."""
        what = f"{ref} is kept by {self.tool}" + (f" ({self.source})" if self.source else "")
        return f"{what}. {self.what_happens} Make the change in its source as well."


def keeper_of(manifest: Manifest) -> Keeper | None:
    """The tool that keeps an object, by its labels and annotations, or else by the managers of its fields;
    None when nothing says so."""
    labels, annotations = _texts(manifest, "labels"), _texts(manifest, "annotations")
    for marks in (annotations, labels):
        if source := marks.get(ARGO_TRACKING) or marks.get(ARGO_INSTANCE):
            return Keeper(ARGO_CD, source.partition(":")[0], reverts=True)
        for key, value in marks.items():
            if key.startswith(FLUX_PREFIXES):
                return Keeper(FLUX, value, reverts=True)
    if labels.get(MANAGED_BY) == "Helm" or HELM_RELEASE in annotations:
        return Keeper(HELM, annotations.get(HELM_RELEASE, ""), reverts=False)
    return _keeper_by_manager(manifest)


def tool_of(manager: str) -> str:
    """The tool that writes under this field manager's name; "" for one that is not known."""
    name = manager.lower()
    return next((tool for beginning, tool in _MANAGERS if name.startswith(beginning)), "")


def managers_of(manifest: Manifest, field: str) -> tuple[str, ...]:
    """The field managers, other than this console, that own a field below `spec` (`hosts`); empty when
    the manifest does not carry managedFields."""
    found: dict[str, None] = {}
    for entry in _entries(manifest):
        owned = _child(_child(entry, "fieldsV1"), "f:spec")
        if f"f:{field}" in owned:
            found[str(_child_text(entry, "manager"))] = None
    return tuple(name for name in found if name != OWN_MANAGER)


def _keeper_by_manager(manifest: Manifest) -> Keeper | None:
    for entry in _entries(manifest):
        tool = "" if _child_text(entry, "subresource") else tool_of(_child_text(entry, "manager"))
        if tool:
            return Keeper(tool, "", reverts=tool != HELM)
    return None


def _entries(manifest: Manifest) -> Sequence[object]:
    metadata = manifest.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    return entries if isinstance(entries, list | tuple) else ()


def _texts(manifest: Manifest, key: str) -> dict[str, str]:
    found = _child(_child(manifest, "metadata"), key)
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def _child(value: object, key: str) -> Mapping[str, object]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _child_text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
