"""Identity of generated objects: stable uids, hashes and times, so that a scenario is the same at every load.

Knows names and a base time only; must not know what kinds look like inside.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

Manifest = dict[str, Any]

# Kubernetes' own alphabet for generated names: no vowels, nothing to be misread (apimachinery util/rand).
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SECONDS_A_DAY = 86_400
# A version 5 UUID has these bits fixed (RFC 9562).
VERSION_5, VARIANT = 0x50, 0x80


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where generated identities come from: the cluster's name and the moment described (UTC)."""

    cluster: str
    base: datetime

    def uid(self, kind: str, namespace: str, name: str) -> str:
        return stable_uuid(f"simcluster/{self.cluster}/{kind}/{namespace}/{name}")

    def letters(self, key: str, length: int) -> str:
        """A suffix as Kubernetes generates it, always the same for the same key."""
        digest = hashlib.sha256(f"{self.cluster}/{key}".encode()).digest()
        return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:length])

    def number(self, key: str, below: int) -> int:
        digest = hashlib.sha256(f"{self.cluster}#{key}".encode()).digest()
        return int.from_bytes(digest[:6], "big") % below

    def moment(self, days: float, key: str) -> datetime:
        """About `days` before the base, up to a tenth more so that no two agree."""
        spread = self.number(key, max(1, int(days * SECONDS_A_DAY / 10)))
        return self.base - timedelta(days=days, seconds=spread)

    def before(self, days: float, key: str) -> str:
        return written(self.moment(days, key))


def stable_uuid(text: str) -> str:
    """`uuid.uuid5(NAMESPACE_URL, text)` as text; a large cluster needs a hundred thousand of them."""
    digest = bytearray(hashlib.sha1(uuid.NAMESPACE_URL.bytes + text.encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | VERSION_5
    digest[8] = digest[8] & 0x3F | VARIANT
    code = digest[:16].hex()
    return f"{code[:8]}-{code[8:12]}-{code[12:16]}-{code[16:20]}-{code[20:]}"


def copied(manifest: Manifest) -> Manifest:
    """A copy that shares no part; by way of JSON, which is many times faster than `copy.deepcopy`."""
    return cast(Manifest, msgspec.json.decode(msgspec.json.encode(manifest)))


def written(moment: datetime) -> str:
    """RFC 3339 to the second, as Kubernetes writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def metadata(
    stamp: Stamp,
    kind: str,
    namespace: str,
    name: str,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owner: Manifest | None = None,
    age: float = 60.0,
    generation: int | None = None,
) -> Manifest:
    """ObjectMeta with uid and creationTimestamp; `namespace` "" for what is cluster-wide, `age` in days."""
    meta: Manifest = {"name": name}
    if namespace:
        meta["namespace"] = namespace
    meta["uid"] = stamp.uid(kind, namespace, name)
    meta["creationTimestamp"] = stamp.before(age, f"{kind}/{namespace}/{name}")
    if generation is not None:
        meta["generation"] = generation
    if labels:
        meta["labels"] = dict(labels)
    if annotations:
        meta["annotations"] = dict(annotations)
    if owner:
        meta["ownerReferences"] = [owner_reference(owner)]
    return meta


def owner_reference(owner: Manifest) -> Manifest:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
