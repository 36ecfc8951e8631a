"""The Endpoints and EndpointSlices of a scenario: what its Services lead to, as the controllers left it.

Must not know how contents are worked out, nor the API server.
"""

from collections.abc import Iterator

from apps.simcluster.shapes.endpoints import (
    ZONE,
    Backing,
    endpoints_labels,
    selects,
    slice_labels,
    slices,
    subsets,
)
from apps.simcluster.shapes.meta import Manifest, Stamp, owner_reference

SUFFIX_LENGTH = 5


def backed(stamp: Stamp, manifests: list[Manifest]) -> list[Manifest]:
    """Endpoints and slices of all Services among the manifests, whose pods have their addresses."""
    pods: dict[str, list[Manifest]] = {}
    zones: dict[str, str] = {}
    for item in manifests:
        if item["kind"] == "Pod":
            pods.setdefault(item["metadata"]["namespace"], []).append(item)
        elif item["kind"] == "Node":
            zones[item["metadata"]["name"]] = (item["metadata"].get("labels") or {}).get(ZONE, "")
    made: list[Manifest] = []
    for item in manifests:
        if item["kind"] == "Service" and selects(item):
            wanted = item["spec"]["selector"].items()
            near = pods.get(item["metadata"]["namespace"], ())
            chosen = [pod for pod in near if wanted <= (pod["metadata"].get("labels") or {}).items()]
            made += _of(stamp, Backing(item, chosen, zones))
    return made


def _of(stamp: Stamp, backing: Backing) -> Iterator[Manifest]:
    meta = backing.service["metadata"]
    namespace, name = meta["namespace"], meta["name"]
    shared = {"namespace": namespace, "creationTimestamp": meta["creationTimestamp"]}
    identity = {"name": name, **shared, "uid": stamp.uid("Endpoints", namespace, name)}
    found = {"labels": endpoints_labels(backing.service), **identity}
    yield {"apiVersion": "v1", "kind": "Endpoints", "metadata": found, "subsets": subsets(backing)}
    for index, content in enumerate(slices(backing)):
        own = f"{name}-{stamp.letters(f'slice/{namespace}/{name}/{index}', SUFFIX_LENGTH)}"
        found = {
            "name": own,
            "generateName": f"{name}-",
            **shared,
            "uid": stamp.uid("EndpointSlice", namespace, own),
            "generation": 1,
            "labels": slice_labels(backing.service),
            "ownerReferences": [owner_reference(backing.service)],
        }
        yield {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": found, **content}
