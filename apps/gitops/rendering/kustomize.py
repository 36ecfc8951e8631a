"""A kustomize component for each cluster: it adds, patches and deletes in whatever builds with it.

Custom resources have no strategic merge, and Istio's lists are atomic: a list is replaced as a whole, and
only if it still says what this change found. kustomize passes over a JSON patch whose target is missing, so
an empty patch before it makes that an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from apps.gitops.exported import Exported, ExportedItem, comment
from apps.mesh.yamlwriter import to_yaml

COMPONENT = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
USE = """
Each folder is a kustomize component for one cluster. Put it beside the kustomization that builds the
cluster's objects, and name it there:

    components:
      - {name}/{cluster}

`kubectl kustomize` then adds, changes and deletes what this change does. It fails, and names the object and
the field, when one of the objects is missing or a field that changes no longer says what the change found.
"""


def files(exported: Exported) -> dict[str, str]:
    """The files by path, below one folder."""
    found = {f"{exported.name}/README.md": _readme(exported)}
    for cluster in exported.clusters:
        for path, text in _component(exported, cluster).items():
            found[f"{exported.name}/{cluster}/{path}"] = text
    return found


def operations(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The JSON patch (RFC 6902) from one object to the other: mappings field by field, anything else as a
    whole, each replaced or removed value tested first."""
    return list(_operations(before, after, ""))


def file_name(item: ExportedItem) -> str:
    """A name that no other object of the cluster has."""
    parts = (item.kind.lower(), item.namespace, item.name)
    return "_".join(part for part in parts if part) + ".yaml"


def _component(exported: Exported, cluster: str) -> dict[str, str]:
    items = exported.on(cluster)
    found: dict[str, str] = {}
    resources: list[str] = []
    patches: list[dict[str, Any]] = []
    for item in items:
        name = file_name(item)
        if item.desired is None:
            patches.append({"patch": to_yaml({**_identity(item), "$patch": "delete"})})
        elif item.base is None:
            resources.append(name)
            found[name] = to_yaml(item.desired)
        else:
            path = f"patches/{name.removesuffix('.yaml')}.json"
            patches.append({"patch": to_yaml(_identity(item))})
            patches.append({"path": path, "target": _target(item)})
            steps = operations(item.base, item.desired)
            found[path] = json.dumps(steps, indent=2, ensure_ascii=False) + "\n"
    body = {
        **COMPONENT,
        **({"resources": resources} if resources else {}),
        **({"patches": patches} if patches else {}),
    }
    found["kustomization.yaml"] = comment((*exported.heading(), f"Cluster {cluster}.")) + to_yaml(body)
    return found


def _operations(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterable[dict[str, Any]]:
    for key in (*before, *(key for key in after if key not in before)):
        where = f"{path}/{_escaped(key)}"
        old, new = before.get(key), after.get(key)
        if key in before and key in after and old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _operations(old, new, where)
            continue
        if key in before:
            yield {"op": "test", "path": where, "value": old}
        if key in after:
            yield {"op": "replace" if key in before else "add", "path": where, "value": new}
        else:
            yield {"op": "remove", "path": where}


def _escaped(key: str) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _identity(item: ExportedItem) -> dict[str, Any]:
    metadata = {"name": item.name, **({"namespace": item.namespace} if item.namespace else {})}
    return {"apiVersion": item.api_version, "kind": item.kind, "metadata": metadata}


def _target(item: ExportedItem) -> dict[str, str]:
    """kustomize takes all of these for regular expressions."""
    group, _, version = item.api_version.rpartition("/")
    parts = {
        "group": group,
        "version": version,
        "kind": item.kind,
        "namespace": item.namespace,
        "name": item.name,
    }
    return {key: re.escape(value).replace("\\-", "-") for key, value in parts.items() if value}


def _readme(exported: Exported) -> str:
    head = "\n".join(f"- {text}" for text in exported.heading())
    return f"# {exported.number}\n\n{head}\n{USE.format(name=exported.name, cluster=exported.clusters[0])}"
