"""Manifests as multi-document YAML: what server-side apply sends, or the whole objects."""

from __future__ import annotations

from apps.changes.intents import FIELD_MANAGER
from apps.gitops.exported import Exported, ExportedItem, comment
from apps.mesh.yamlwriter import to_yaml_documents


def manifests(exported: Exported, cluster: str, *, whole: bool = False) -> str:
    """What is written on one cluster. Without `whole` the documents hold only the fields that change (and
    whole lists): they are for server-side apply. Deletes cannot be said in manifests: they are comments."""
    items = exported.on(cluster)
    documents = [m for item in items if (m := item.desired if whole else item.intent) is not None]
    how = (
        "The whole objects as they shall read."
        if whole
        else f"For kubectl apply --server-side --field-manager={FIELD_MANAGER}; the rest stays as it is."
    )
    text = comment((*exported.heading(), f"Cluster {cluster}. {how}"))
    if documents:
        text += "---\n" + to_yaml_documents(documents)
    gone = [item for item in items if item.desired is None]
    if gone:
        text += "# To be deleted, which no manifest can say:\n"
        text += comment(tuple(f"  kubectl delete {_arguments(item)}" for item in gone))
    return text


def _arguments(item: ExportedItem) -> str:
    place = f" --namespace={item.namespace}" if item.namespace else ""
    return f"{item.resource_type} {item.name}{place}"
