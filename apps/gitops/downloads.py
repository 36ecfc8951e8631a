"""A change as one file to download. The caller has checked who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from apps.changes.models import ChangeSet
from apps.common.errors import InvalidInputError
from apps.gitops.exported import Exported
from apps.gitops.reading import exported
from apps.gitops.rendering import kustomize
from apps.gitops.rendering.archive import zipped
from apps.gitops.rendering.plain import manifests
from apps.gitops.rendering.script import script


class Form(StrEnum):
    """What can be had."""

    YAML = "yaml"  # what server-side apply sends
    WHOLE = "whole"  # the whole objects as YAML
    KUSTOMIZE = "kustomize"
    KUBECTL = "kubectl"


@dataclass(frozen=True, slots=True)
class Download:
    """A file: its name, its media type, its bytes."""

    name: str
    media_type: str
    body: bytes


def download(change: ChangeSet, form: str, *, cluster: str = "") -> Download:
    """The current revision in one of the forms. YAML is one file for one cluster: for several, without
    `cluster`, it is a zip with a file for each. Raises InvalidInputError."""
    if form not in set(Form):
        raise InvalidInputError(f"as is one of {', '.join(Form)}.", field="as")
    made = exported(change)
    if cluster and cluster not in made.clusters:
        raise InvalidInputError(f"{made.number} writes nothing on «{cluster[:63]}».", field="cluster")
    if form == Form.KUBECTL:
        return Download(f"{made.name}.sh", "text/x-shellscript", script(made).encode())
    if form == Form.KUSTOMIZE:
        return Download(f"{made.name}-kustomize.zip", "application/zip", zipped(kustomize.files(made)))
    return _yaml(made, cluster, whole=form == Form.WHOLE)


def _yaml(made: Exported, cluster: str, *, whole: bool) -> Download:
    end = "-whole" if whole else ""
    if cluster or len(made.clusters) == 1:
        name = cluster or made.clusters[0]
        text = manifests(made, name, whole=whole)
        return Download(f"{made.name}-{name}{end}.yaml", "application/yaml", text.encode())
    files = {f"{made.name}{end}/{name}.yaml": manifests(made, name, whole=whole) for name in made.clusters}
    return Download(f"{made.name}{end}.zip", "application/zip", zipped(files))
