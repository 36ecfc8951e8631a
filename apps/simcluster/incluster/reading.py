"""Settings that a program in the cluster reads: ConfigMaps with YAML in them, container images.

Unreadable text counts as empty, as a program that keeps its defaults. It knows no program.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml

from apps.simcluster.cluster import Cluster
from apps.simcluster.schema import Json


def config_map(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    """The data of a ConfigMap; empty when there is none."""
    found = cluster.store.get("configmaps", namespace, name) or {}
    return found.get("data") or {}


@lru_cache(maxsize=256)
def settings(text: str) -> Mapping[str, Any]:
    """A YAML (or JSON) mapping, not to be changed."""
    try:
        read = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


def within(values: Mapping[str, Any], *names: str) -> Any:
    """What stands at a path of mappings; None where it ends before."""
    found: Any = values
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def image_tag(pod: Json, container: str, image: str) -> str:
    """The tag of a container of that name whose image is called `image`; empty when there is none."""
    for row in pod["spec"]["containers"]:
        path, _, tag = str(row.get("image", "")).rpartition(":")
        if row.get("name") == container and path.rpartition("/")[2] == image:
            return tag
    return ""
