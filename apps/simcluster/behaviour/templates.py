"""Pod templates: which are the same, their hash, and the pod that a controller makes of one.

Must not know what the controllers want.
"""

import secrets
import zlib

import msgspec

from apps.simcluster.defaults import fill
from apps.simcluster.schema import Json
from apps.simcluster.shapes.meta import ALPHABET, owner_reference
from apps.simcluster.shapes.pods import mount_token

HASH_LABEL = "pod-template-hash"
_KINDS = {
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
}


def copied(value: Json) -> Json:
    found: Json = msgspec.json.decode(msgspec.json.encode(value))
    return found


def normal(template: Json) -> Json:
    """A template with its defaults, without the marks of a replica set: what is compared and hashed."""
    whole = {"spec": {"template": copied(template)}}
    fill("apps", "DaemonSet", whole)
    found = whole["spec"]["template"]
    meta = found.get("metadata") or {}
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k != HASH_LABEL}
    kept = {"labels": labels, "annotations": meta.get("annotations")}
    return {"metadata": {name: value for name, value in kept.items() if value}, "spec": found["spec"]}


def same(one: Json, other: Json) -> bool:
    return normal(one) == normal(other)


def template_hash(template: Json, collisions: int = 0) -> str:
    """A short name for a template, in the letters that Kubernetes uses."""
    text = msgspec.json.encode([normal(template), collisions], order="deterministic")
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(zlib.crc32(text)))


def reference(kind: str, owner: Json) -> Json:
    return owner_reference({"apiVersion": _KINDS[kind], "kind": kind, "metadata": owner["metadata"]})


def pod_of(kind: str, owner: Json, template: Json, labels: dict[str, str], name: str = "") -> Json:
    """A new pod of a controller; `labels` are those that it adds. Without a `name` it gets one."""
    found = copied(template)
    given = found.get("metadata") or {}
    meta: Json = {
        "namespace": owner["metadata"]["namespace"],
        "generateName": f"{owner['metadata']['name']}-",
        "labels": {**(given.get("labels") or {}), **labels},
        "ownerReferences": [reference(kind, owner)],
    }
    if name:
        meta["name"] = name
    if given.get("annotations"):
        meta["annotations"] = given["annotations"]
    spec = found["spec"]
    spec.setdefault("serviceAccountName", "default")
    if spec.get("automountServiceAccountToken") is not False:
        mount_token(spec, "kube-api-access-" + "".join(secrets.choice(ALPHABET) for _ in range(5)))
    spec["serviceAccount"] = spec["serviceAccountName"]
    return {"metadata": meta, "spec": spec}
