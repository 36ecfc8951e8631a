"""What a Deployment's status says: counts, and how the rollout goes on, as kubectl rollout status reads it.

Conditions and their messages as in kubernetes/pkg/controller/deployment (progress.go, sync.go).
It scales nothing.
"""

from datetime import timedelta
from typing import Any

from apps.simcluster.behaviour import actors
from apps.simcluster.behaviour.queue import Work
from apps.simcluster.behaviour.readiness import condition_of, with_condition
from apps.simcluster.behaviour.rollout import Rollout, count, total
from apps.simcluster.behaviour.runtime import DEPLOYMENTS, Runtime, moment, trimmed
from apps.simcluster.schema import Json

AVAILABLE, PROGRESSING, FAILURE = "Available", "Progressing", "ReplicaFailure"
COMPLETE, TIMED_OUT, UPDATED = "NewReplicaSetAvailable", "ProgressDeadlineExceeded", "ReplicaSetUpdated"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
CREATED, FOUND = "NewReplicaSetCreated", "FoundNewReplicaSet"
NO_DEADLINE = 2**31 - 1


def condition(run: Runtime, kind: str, status: str, reason: str, message: str) -> Json:
    now = run.cluster.timestamp()
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def put_condition(conditions: list[Json], new: Json) -> list[Json]:
    """With a condition set, if it says something else than the one there; the same status keeps its time."""
    known = next((item for item in conditions if item["type"] == new["type"]), None)
    if known and (known["status"], known.get("reason")) == (new["status"], new["reason"]):
        return conditions
    if known and known["status"] == new["status"]:
        new = {**new, "lastTransitionTime": known["lastTransitionTime"]}
    return with_condition(conditions, new)


def counts(run: Runtime, rollout: Rollout) -> Json:
    """The numbers of the status, and the condition Available."""
    new = [rollout.new] if rollout.new else []
    available = count(rollout.sets, "availableReplicas")
    before = rollout.deployment.get("status") or {}
    enough = available >= rollout.wanted - rollout.limits[1]
    said = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    status: Json = {
        "observedGeneration": rollout.deployment["metadata"].get("generation", 1),
        "replicas": count(rollout.sets, "replicas"),
        "updatedReplicas": count(new, "replicas"),
        "readyReplicas": count(rollout.sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(rollout.sets) - available),
        "collisionCount": before.get("collisionCount"),
    }
    conditions = put_condition(list(before.get("conditions") or ()), condition(run, AVAILABLE, *said))
    return {**trimmed(status), "conditions": conditions}


def write(run: Runtime, rollout: Rollout, status: Json, annotations: Json | None = None) -> None:
    """Write the status if it differs."""
    deployment = rollout.deployment
    same = trimmed(status) == trimmed(deployment.get("status") or {})
    if not same or annotations is not None:
        rollout.deployment = actors.report(
            run, actors.DEPLOYMENT, DEPLOYMENTS, deployment, status, annotations
        )


def write_progress(run: Runtime, work: Work, rollout: Rollout) -> None:
    """Counts, and how the rollout goes on; comes back when its deadline is over."""
    status = counts(run, rollout)
    known = condition_of(rollout.deployment, PROGRESSING)
    done = status.get("replicas") == status.get("updatedReplicas") and (known or {}).get("reason") == COMPLETE
    if not has_deadline(rollout):
        status["conditions"] = [item for item in status["conditions"] if item["type"] != PROGRESSING]
    elif not done:
        status["conditions"] = _progress(run, rollout, status, known)
    failures = [item for item in (condition_of(one, FAILURE) for one in _blamed(rollout)) if item]
    if failures:
        said = (failures[0]["status"], failures[0]["reason"], failures[0]["message"])
        status["conditions"] = put_condition(status["conditions"], condition(run, FAILURE, *said))
    else:
        status["conditions"] = [item for item in status["conditions"] if item["type"] != FAILURE]
    write(run, rollout, status)
    _come_back(run, work, rollout)


def _blamed(rollout: Rollout) -> list[Json]:
    """Failures of the new ReplicaSet are told first, then those of others."""
    return [rollout.new, *rollout.old] if rollout.new else rollout.old


def _progress(run: Runtime, rollout: Rollout, status: Json, known: Json | None) -> list[Json]:
    new, name = rollout.new, rollout.deployment["metadata"]["name"]
    who = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{name}"'
    conditions: list[Json] = status["conditions"]
    if _complete(rollout, status):
        text = f"{who} has successfully progressed."
        return put_condition(conditions, condition(run, PROGRESSING, "True", COMPLETE, text))
    if _advanced(rollout.deployment.get("status") or {}, status):
        fresh = condition(run, PROGRESSING, "True", UPDATED, f"{who} is progressing.")
        if known and known["status"] == "True":
            fresh["lastTransitionTime"] = known["lastTransitionTime"]
        return with_condition(conditions, fresh)
    if _timed_out(run, rollout, known):
        text = f"{who} has timed out progressing."
        return put_condition(conditions, condition(run, PROGRESSING, "False", TIMED_OUT, text))
    return conditions


def _complete(rollout: Rollout, status: dict[str, Any]) -> bool:
    names = ("updatedReplicas", "replicas", "availableReplicas")
    return all(status.get(name, 0) == rollout.wanted for name in names)


def complete(run: Runtime, rollout: Rollout) -> bool:
    """Whether nothing is left to roll."""
    return _complete(rollout, counts(run, rollout))


def _advanced(before: dict[str, Any], after: dict[str, Any]) -> bool:
    def old(status: dict[str, Any]) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old(after) < old(before) or any(after.get(name, 0) > before.get(name, 0) for name in grown)


def has_deadline(rollout: Rollout) -> bool:
    return int(rollout.spec.get("progressDeadlineSeconds") or NO_DEADLINE) != NO_DEADLINE


def _deadline(rollout: Rollout, known: Json) -> Any:
    since = known.get("lastUpdateTime") or known["lastTransitionTime"]
    return moment(since) + timedelta(seconds=int(rollout.spec["progressDeadlineSeconds"]))


def _timed_out(run: Runtime, rollout: Rollout, known: Json | None) -> bool:
    if known is None or known.get("reason") == COMPLETE:
        return False
    return known.get("reason") == TIMED_OUT or _deadline(rollout, known) < run.cluster.now()


def _come_back(run: Runtime, work: Work, rollout: Rollout) -> None:
    known = condition_of(rollout.deployment, PROGRESSING)
    if known and has_deadline(rollout) and known.get("reason") not in (COMPLETE, TIMED_OUT, PAUSED):
        run.queue.at(work, _deadline(rollout, known) + timedelta(seconds=1))
