"""Proposing what somebody wrote by hand: the same simulation, policy and dry run as for what the
console generates. An object that is there is changed, one that is not is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.accounts.models import User
from apps.changes import drafts, pasted
from apps.changes.actions.propose import propose
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.patches import ManifestPatch, PatchAction, stripped
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot


def propose_yaml(
    *, actor: User, cluster: Cluster, text: str, title: str, reason: str = "", take_over: bool = False
) -> ChangeSet:
    """A draft out of pasted YAML. Raises InvalidInputError that names document, line and field."""
    patches = patches_from(text, cluster)
    forced = {(cluster.name, p.ref) for p in patches if p.action is PatchAction.UPDATE} if take_over else ()
    return propose(actor=actor, title=title, reason=reason, patches={cluster: patches}, take_over=forced)


def patches_from(text: str, cluster: Cluster, *, snapshot: Snapshot | None = None) -> list[ManifestPatch]:
    """The patches that turn what the cluster held when it was last read into what the text says."""
    try:
        documents = pasted.read(text)
    except pasted.PastedError as error:
        raise InvalidInputError(str(error), field="manifests", code="invalid_manifest") from error
    snapshot = snapshot or store.load(cluster)
    found = [patch for doc in documents if (patch := _patch(doc, snapshot)) is not None]
    if not found:
        raise InvalidInputError(
            f"{cluster.name} already reads like this: there is nothing to change.", code="nothing_to_change"
        )
    drafts.in_order({cluster: found})
    return found


def _patch(doc: pasted.Pasted, snapshot: Snapshot) -> ManifestPatch | None:
    ref = ResourceRef.of(doc.manifest)
    api_version = str(doc.manifest["apiVersion"])
    before = snapshot.manifest(ref)
    if before is None:
        if doc.is_workload:
            raise InvalidInputError(f"Document {doc.document}: there is no {ref}.", field="manifests")
        return ManifestPatch(PatchAction.CREATE, ref, api_version, None, doc.manifest)
    base = stripped(before)
    after = _annotated(base, doc.manifest) if doc.is_workload else _replaced(base, doc.manifest)
    if after == base:
        return None
    return ManifestPatch(PatchAction.UPDATE, ref, api_version, base, after)


def _replaced(base: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as pasted; labels and annotations that the paste does not name stay."""
    metadata = dict(base.get("metadata") or {})
    for field in ("labels", "annotations"):
        more = (manifest.get("metadata") or {}).get(field)
        if more:
            metadata[field] = {**(metadata.get(field) or {}), **more}
    return {**base, "apiVersion": manifest["apiVersion"], "metadata": metadata, "spec": manifest["spec"]}


def _annotated(base: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    own = (manifest.get("metadata") or {}).get("annotations") or {}
    template = (manifest.get("spec") or {}).get("template") or {}
    pods = (template.get("metadata") or {}).get("annotations") or {}
    result = _with_annotations(base, own)
    if pods:
        spec = dict(base.get("spec") or {})
        spec["template"] = _with_annotations(spec.get("template") or {}, pods)
        result["spec"] = spec
    return result


def _with_annotations(thing: Mapping[str, Any], more: Mapping[str, str]) -> dict[str, Any]:
    if not more:
        return dict(thing)
    metadata = dict(thing.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **more}
    return {**thing, "metadata": metadata}
