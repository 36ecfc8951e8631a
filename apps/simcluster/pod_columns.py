"""What a table says of a pod: how many containers are ready, and in one word what it is doing.

The word comes from the first init container that is not done, or else from the containers, last to first, as
the API server finds it. It knows pods and nothing of tables.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from apps.simcluster.durations import age
from apps.simcluster.schema import Json

NONE = "<none>"
_TERMINAL = ("Succeeded", "Failed")


def pod_cells(pod: Json, now: datetime) -> list[Any]:
    """Ready, status and restarts; then address, node, nominated node and readiness gates."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {item["name"] for item in spec.get("initContainers") or () if _restartable(item)}
    total = len(spec.get("containers") or ()) + len(sidecars)
    word, ready, counted = _initializing(spec, status, sidecars)
    if not word or _condition(status, "Initialized"):
        more, more_ready = _running(status)
        word, ready = more or word or _phase(status), ready + more_ready
        states = status.get("initContainerStatuses") or ()
        counted = [item for item in states if item.get("name") in sidecars]
        counted += status.get("containerStatuses") or ()
    return [f"{ready}/{total}", _ending(pod, word), _restarts(counted, now), *_places(spec, status)]


def _restartable(container: Json) -> bool:
    return container.get("restartPolicy") == "Always"


def _phase(status: Json) -> str:
    gated = any(item.get("reason") == "SchedulingGated" for item in status.get("conditions") or ())
    return "SchedulingGated" if gated else str(status.get("reason") or status.get("phase") or "Unknown")


def _condition(status: Json, kind: str) -> bool:
    conditions = status.get("conditions") or ()
    return any(item.get("type") == kind and item.get("status") == "True" for item in conditions)


def _ended(terminated: Json) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _initializing(spec: Json, status: Json, sidecars: set[str]) -> tuple[str, int, list[Json]]:
    """(what holds the pod up or nothing, sidecars that are ready, containers looked at)."""
    ready, seen = 0, []
    for index, item in enumerate(status.get("initContainerStatuses") or ()):
        seen.append(item)
        state = item.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if item.get("name") in sidecars and item.get("started"):
            ready += bool(item.get("ready"))
            continue
        if terminated is not None:
            return f"Init:{_ended(terminated)}", ready, seen
        if waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}", ready, seen
        return f"Init:{index}/{len(spec.get('initContainers') or ())}", ready, seen
    return "", ready, seen


def _running(status: Json) -> tuple[str, int]:
    """(the word of the containers or nothing, how many are ready)."""
    states = status.get("containerStatuses") or []
    ready = sum(bool(item.get("ready")) and "running" in (item.get("state") or {}) for item in states)
    word = next(_words(states), "")
    if word == "Completed" and ready:
        word = "Running" if _condition(status, "Ready") else "NotReady"
    return word, ready


def _words(states: list[Json]) -> Iterator[str]:
    """Why containers do not run; the first container's reason counts."""
    for item in states:
        state = item.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            yield state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            yield _ended(state["terminated"])


def _ending(pod: Json, word: str) -> str:
    status = pod.get("status") or {}
    if "deletionTimestamp" not in pod["metadata"]:
        return word
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return word if status.get("phase") in _TERMINAL else "Terminating"


def _restarts(states: list[Json], now: datetime) -> str:
    count = sum(item.get("restartCount", 0) for item in states)
    ends = [((item.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for item in states]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({age(last, now)} ago)" if count and last else str(count)


def _places(spec: Json, status: Json) -> list[str]:
    gates = [item.get("conditionType") for item in spec.get("readinessGates") or ()]
    passed = sum(_condition(status, str(gate)) for gate in gates)
    return [
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{passed}/{len(gates)}" if gates else NONE,
    ]
