"""What controllers read from pods: active, ready, available; and setting conditions.

Must not know whose pods they are.
"""

from collections.abc import Sequence
from datetime import timedelta

from apps.simcluster.behaviour.runtime import Runtime, moment
from apps.simcluster.schema import Json

FINISHED = ("Succeeded", "Failed")


def condition_of(obj: Json, kind: str) -> Json | None:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == kind), None)


def terminating(obj: Json) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def finished(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in FINISHED


def active(pods: Sequence[Json]) -> list[Json]:
    return [pod for pod in pods if not terminating(pod) and not finished(pod)]


def ready(pod: Json) -> bool:
    found = condition_of(pod, "Ready")
    return found is not None and found.get("status") == "True"


def available(run: Runtime, pod: Json, seconds: int) -> bool:
    """Ready for at least so many seconds."""
    found = condition_of(pod, "Ready")
    if found is None or found.get("status") != "True":
        return False
    since = str(found.get("lastTransitionTime") or "")
    return not seconds or (since != "" and moment(since) + timedelta(seconds=seconds) <= run.cluster.now())


def with_condition(conditions: Sequence[Json], new: Json) -> list[Json]:
    """The conditions with a new one in the place of its type."""
    kept = [item for item in conditions if item["type"] != new["type"]]
    return [*kept, new]
