"""ControllerRevisions: the templates that a StatefulSet or DaemonSet had, by name and number.

Must not know how such a workload is rolled.
"""

from dataclasses import dataclass

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.actors import Actor
from apps.simcluster.behaviour.runtime import REVISIONS, Runtime
from apps.simcluster.behaviour.templates import copied, reference, same, template_hash
from apps.simcluster.schema import Json
from apps.simcluster.shapes.controllers import HASH_LABELS

HASH_LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Revisions:
    """The ControllerRevisions of a workload, oldest number first; `update` has the template of now."""

    update: Json
    known: tuple[Json, ...]

    def named(self, name: str) -> Json:
        """The revision of that name, or the newest when it is unknown."""
        return next((item for item in self.known if item["metadata"]["name"] == name), self.update)


def template_of(revision: Json) -> Json:
    found: Json = {k: v for k, v in revision["data"]["spec"]["template"].items() if k != "$patch"}
    return found


def hash_of(revision: Json) -> str:
    return str(revision["metadata"]["name"].rpartition("-")[2])


def revisions(run: Runtime, actor: Actor, kind: str, owner: Json) -> Revisions:
    """All revisions of a workload; the one of its template is made, or made the newest, as needed."""
    known = sorted(run.controlled(REVISIONS, owner), key=lambda item: int(item.get("revision", 0)))
    template = owner["spec"]["template"]
    number = int(known[-1].get("revision", 0)) if known else 0
    found = next((item for item in reversed(known) if same(template_of(item), template)), None)
    if found is None:
        found = _make(run, actor, kind, owner, number + 1)
        known.append(found)
    elif found is not known[-1]:
        newest = actors.change(run, actor, REVISIONS, found, {**found, "revision": number + 1})
        known = [*(item for item in known if item is not found), newest]
        found = newest
    return Revisions(found, tuple(known))


def _make(run: Runtime, actor: Actor, kind: str, owner: Json, number: int) -> Json:
    template = copied(owner["spec"]["template"])
    digest = template_hash(template)
    meta = owner["metadata"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABELS[kind]: digest}
    manifest = {
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [reference(kind, owner)],
        },
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
        "revision": number,
    }
    return actors.make(run, actor, REVISIONS, manifest)


def forget(run: Runtime, actor: Actor, found: Revisions, used: set[str], limit: int) -> None:
    """Delete the oldest revisions that nobody uses, beyond the history that is kept."""
    idle = [item for item in found.known if item["metadata"]["name"] not in used and item is not found.update]
    for item in idle[: max(0, len(idle) - limit)]:
        actors.discard(run, actor, REVISIONS, item)
