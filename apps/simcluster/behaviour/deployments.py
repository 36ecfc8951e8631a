"""The Deployment controller: a ReplicaSet for the template, and the way from the older ones to it.

As kubernetes/pkg/controller/deployment does it, a step a look. Must not know pods beyond whether any is left.
"""

from apps.simcluster.behaviour import actors, replica_sets
from apps.simcluster.behaviour import deployment_status as told
from apps.simcluster.behaviour.actors import Stale
from apps.simcluster.behaviour.events import Source, Subject
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import condition_of, finished, terminating
from apps.simcluster.behaviour.rollout import (
    HISTORY,
    MAXIMUM,
    REVISION,
    Rollout,
    count,
    revision,
    running,
    size,
    total,
)
from apps.simcluster.behaviour.runtime import DEPLOYMENTS, PODS, REPLICA_SETS, Runtime
from apps.simcluster.behaviour.templates import HASH_LABEL, copied, reference, same, template_hash
from apps.simcluster.errors import ApiError
from apps.simcluster.schema import Json

ALREADY_EXISTS = 409
SOURCE = Source("deployment-controller")


def sync(run: Runtime, work: Work) -> None:
    """Bring one Deployment a step further."""
    deployment = run.get(work)
    if deployment is None:
        return
    rollout = Rollout(deployment, run.controlled(REPLICA_SETS, deployment))
    if terminating(deployment):
        told.write(run, rollout, told.counts(run, rollout))
        return
    _adopt(run, rollout)
    _check_paused(run, rollout)
    if rollout.spec.get("paused"):
        _renumber(run, rollout)
        _scale(run, rollout)
        told.write(run, rollout, told.counts(run, rollout))
    elif rollout.scaled:
        _renumber(run, rollout)
        _scale(run, rollout)
        told.write_progress(run, work, rollout)
    else:
        _roll(run, work, rollout)


def _adopt(run: Runtime, rollout: Rollout) -> None:
    for item in run.orphans(REPLICA_SETS, rollout.deployment):
        owners = [*(item["metadata"].get("ownerReferences") or ()), _reference(rollout)]
        adopted = {**item, "metadata": {**item["metadata"], "ownerReferences": owners}}
        rollout.add(actors.change(run, actors.DEPLOYMENT, REPLICA_SETS, item, adopted))


def _reference(rollout: Rollout) -> Json:
    return reference("Deployment", rollout.deployment)


def _check_paused(run: Runtime, rollout: Rollout) -> None:
    known = condition_of(rollout.deployment, told.PROGRESSING) or {}
    if known.get("reason") == told.TIMED_OUT or not told.has_deadline(rollout):
        return
    paused, said = bool(rollout.spec.get("paused")), known.get("reason") == told.PAUSED
    if paused == said:
        return
    words = (told.PAUSED, "Deployment is paused") if paused else (told.RESUMED, "Deployment is resumed")
    status = dict(rollout.deployment.get("status") or {})
    new = told.condition(run, told.PROGRESSING, "Unknown", *words)
    status["conditions"] = told.put_condition(list(status.get("conditions") or ()), new)
    told.write(run, rollout, status)


def _roll(run: Runtime, work: Work, rollout: Rollout) -> None:
    if rollout.rolling:
        moved = _renew(run, rollout) or _grow(run, rollout) or _shrink(run, rollout)
    else:
        moved = _empty(run, rollout) or _waits_for_pods(run, rollout)
        moved = moved or _renew(run, rollout) or _grow(run, rollout)
    if not moved and told.complete(run, rollout):
        _clean_up(run, rollout)
    told.write_progress(run, work, rollout)


def _renew(run: Runtime, rollout: Rollout) -> bool:
    """Make the ReplicaSet of the template, or number the one there is; true when one was made."""
    if rollout.new is not None:
        _renumber(run, rollout)
        return False
    template = rollout.spec["template"]
    collisions = int((rollout.deployment.get("status") or {}).get("collisionCount") or 0)
    manifest = _replica_set(rollout, template_hash(template, collisions))
    try:
        made = actors.make(run, actors.DEPLOYMENT, REPLICA_SETS, manifest)
    except ApiError as error:
        _not_made(run, rollout, manifest, error, collisions)
        return True
    rollout.add(made)
    _tell_size(run, rollout, made, 0)
    text = f'Created new replica set "{made["metadata"]["name"]}"'
    _number(run, rollout, made, told.condition(run, told.PROGRESSING, "True", told.CREATED, text))
    return True


def _not_made(run: Runtime, rollout: Rollout, manifest: Json, error: ApiError, collisions: int) -> None:
    status = dict(rollout.deployment.get("status") or {})
    meta = manifest["metadata"]
    taken = run.cluster.store.get(REPLICA_SETS, meta["namespace"], meta["name"])
    if error.status == ALREADY_EXISTS and taken:
        ours = _reference(rollout) in (taken["metadata"].get("ownerReferences") or ())
        if ours and same(taken["spec"]["template"], rollout.spec["template"]):
            raise Stale  # made a moment ago
        told.write(run, rollout, {**status, "collisionCount": collisions + 1})
        raise Stale
    text = f'Failed to create new replica set "{meta["name"]}": {error.body()["message"]}'
    new = told.condition(run, told.PROGRESSING, "False", "FailedCreate", text)
    run.events.tell(SOURCE, _subject(rollout), "ReplicaSetCreateError", text, warning=True)
    status["conditions"] = told.put_condition(list(status.get("conditions") or ()), new)
    told.write(run, rollout, status)
    work = Work(DEPLOYMENTS, meta["namespace"], rollout.deployment["metadata"]["name"])
    run.queue.retry(work, run.cluster.now())


def _replica_set(rollout: Rollout, digest: str) -> Json:
    meta, spec = rollout.deployment["metadata"], rollout.spec
    template = copied(spec["template"])
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: digest}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = copied(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    number = str(max((revision(item) for item in rollout.sets), default=0) + 1)
    body: Json = {"replicas": rollout.size_of_new(0), "selector": selector, "template": template}
    if spec.get("minReadySeconds"):
        body["minReadySeconds"] = spec["minReadySeconds"]
    return {
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {**rollout.copied_annotations(), **rollout.marks, REVISION: number},
            "ownerReferences": [_reference(rollout)],
        },
        "spec": body,
    }


def _renumber(run: Runtime, rollout: Rollout) -> None:
    """The new ReplicaSet carries the highest number and the Deployment's annotations."""
    new = rollout.new
    if new is None:
        return
    known = new["metadata"].get("annotations") or {}
    wanted = dict(rollout.copied_annotations())
    number = max((revision(item) for item in rollout.old), default=0) + 1
    if revision(new) < number:
        wanted[REVISION] = str(number)
        if known.get(REVISION):
            wanted[HISTORY] = ",".join(filter(None, (known.get(HISTORY), known[REVISION])))
    after = replica_sets.scale(run, new, size(new), wanted)
    rollout.put(new, after)
    found = None
    if condition_of(rollout.deployment, told.PROGRESSING) is None and told.has_deadline(rollout):
        text = f'Found new replica set "{after["metadata"]["name"]}"'
        found = told.condition(run, told.PROGRESSING, "True", told.FOUND, text)
    _number(run, rollout, after, found)


def _number(run: Runtime, rollout: Rollout, new: Json, said: Json | None) -> None:
    """The Deployment carries the number of its ReplicaSet; what happened becomes a condition."""
    known = rollout.deployment["metadata"].get("annotations") or {}
    annotations = None
    if known.get(REVISION) != str(revision(new)):
        annotations = {**known, REVISION: str(revision(new))}
    status = dict(rollout.deployment.get("status") or {})
    if said is not None and told.has_deadline(rollout):
        status["conditions"] = told.put_condition(list(status.get("conditions") or ()), said)
    told.write(run, rollout, status, annotations)


def _set_size(run: Runtime, rollout: Rollout, item: Json, replicas: int) -> bool:
    if size(item) == replicas:
        return False
    _resize(run, rollout, item, replicas)
    return True


def _resize(run: Runtime, rollout: Rollout, item: Json, replicas: int) -> None:
    after = replica_sets.scale(run, item, replicas, rollout.marks)
    rollout.put(item, after)
    _tell_size(run, rollout, after, size(item))


def _tell_size(run: Runtime, rollout: Rollout, item: Json, before: int) -> None:
    if (now := size(item)) != before:
        way, name = "up" if now > before else "down", item["metadata"]["name"]
        text = f"Scaled {way} replica set {name} from {before} to {now}"
        run.events.tell(SOURCE, _subject(rollout), "ScalingReplicaSet", text)


def _subject(rollout: Rollout) -> Subject:
    return Subject("apps/v1", "Deployment", rollout.deployment)


def _grow(run: Runtime, rollout: Rollout) -> bool:
    new = rollout.new
    if new is None or size(new) == rollout.wanted:
        return False
    larger = size(new) > rollout.wanted
    return _set_size(run, rollout, new, rollout.wanted if larger else rollout.size_of_new(size(new)))


def _shrink(run: Runtime, rollout: Rollout) -> bool:
    """Take from the older ReplicaSets what the new one replaced: first pods that do not work."""
    new = [rollout.new] if rollout.new else []
    least = rollout.wanted - rollout.limits[1]
    spare = total(rollout.sets) - least - (total(new) - count(new, "availableReplicas"))
    if not running(rollout.old) or spare <= 0:
        return False
    moved = False
    for item in running(rollout.old):
        broken = max(0, size(item) - count([item], "availableReplicas"))
        gone = min(spare, broken)
        spare -= gone
        moved = _set_size(run, rollout, item, size(item) - gone) or moved
    extra = min(count(rollout.sets, "availableReplicas") - least, spare)
    for item in running(rollout.old):
        gone = max(0, min(size(item), extra))
        extra -= gone
        moved = _set_size(run, rollout, item, size(item) - gone) or moved
    return moved


def _empty(run: Runtime, rollout: Rollout) -> bool:
    return sum(_set_size(run, rollout, item, 0) for item in running(rollout.old)) > 0


def _waits_for_pods(run: Runtime, rollout: Rollout) -> bool:
    """Recreate starts nothing new while a pod of before is left."""
    pods = (pod for item in rollout.old for pod in run.controlled(PODS, item))
    return any(not finished(pod) for pod in pods)


def _scale(run: Runtime, rollout: Rollout) -> None:
    """Give the ReplicaSets their parts of a new size."""
    large, new = running(rollout.sets), rollout.new
    if len(large) <= 1:
        one = large[0] if large else new or (rollout.old[-1] if rollout.old else None)
        if one is not None:
            _resize(run, rollout, one, rollout.wanted)
        return
    if new and size(new) == rollout.wanted == count([new], "availableReplicas"):
        _empty(run, rollout)
        return
    if not rollout.rolling:
        return
    left = (rollout.most if rollout.wanted else 0) - total(large)
    shares = _shares(rollout, large, left)
    for item, share in zip(large, shares, strict=True):
        _resize(run, rollout, item, max(0, size(item) + share))


def _shares(rollout: Rollout, sets: list[Json], left: int) -> list[int]:
    """How much each gains or loses, in proportion to its size; the largest takes what rounding leaves."""
    shares = [0] * len(sets)
    order = sorted(range(len(sets)), key=lambda index: -size(sets[index]))
    rest = left
    for index in order:
        item = sets[index]
        marked = (item["metadata"].get("annotations") or {}).get(MAXIMUM)
        before = int(marked or (rollout.deployment.get("status") or {}).get("replicas") or rollout.most)
        part = round(size(item) * (rollout.most if rollout.wanted else 0) / before) - size(item)
        shares[index] = max(0, min(part, rest)) if left > 0 else min(0, max(part, rest))
        rest -= shares[index]
    shares[order[0]] += rest
    return shares


def _clean_up(run: Runtime, rollout: Rollout) -> None:
    """Delete the oldest empty ReplicaSets beyond the history that is kept."""
    kept = int(rollout.spec.get("revisionHistoryLimit", 10))
    old = [item for item in rollout.old if not size(item) and not terminating(item)]
    empty = [item for item in old if not count([item], "replicas")]
    for item in sorted(empty, key=revision)[: max(0, len(empty) - kept)]:
        actors.discard(run, actors.DEPLOYMENT, REPLICA_SETS, item)
