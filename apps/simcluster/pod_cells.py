"""The columns of a pod in a table, as kubectl get shows them.

Follows printPod of kubernetes/pkg/printers. It knows nothing of other kinds.
"""

from collections.abc import Sequence
from typing import Any

from apps.simcluster.schema import Json

NONE = "<none>"


def pod_cells(obj: Json) -> list[Any]:
    """Ready, status, restarts, address, node, and two that are never set."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    states = status.get("containerStatuses") or []
    sidecars = [item["name"] for item in spec.get("initContainers") or () if _is_sidecar(item)]
    inits = status.get("initContainerStatuses") or []
    starting = _starting(inits, sidecars)
    counted = [item for item in inits if item.get("name") in sidecars] + ([] if starting else states)
    ready = sum(bool(item.get("ready")) for item in counted)
    total = len(spec.get("containers") or ()) + len(sidecars)
    restarts = sum(item.get("restartCount", 0) for item in states)
    shown = starting or _reason(states) or status.get("reason") or status.get("phase", "Unknown")
    if "deletionTimestamp" in obj["metadata"]:
        shown = "Terminating"
    ip, node = status.get("podIP") or NONE, spec.get("nodeName") or NONE
    return [f"{ready}/{total}", shown, str(restarts), ip, node, NONE, NONE]


def _is_sidecar(container: Json) -> bool:
    return container.get("restartPolicy") == "Always"


def _starting(inits: Sequence[Json], sidecars: Sequence[str]) -> str:
    """What a pod waits for as long as its init containers are not done."""
    for index, item in enumerate(inits):
        state = item.get("state") or {}
        done = "terminated" in state and not state["terminated"].get("exitCode")
        if done or (item.get("name") in sidecars and item.get("started")):
            continue
        reason = (state.get("waiting") or {}).get("reason", "PodInitializing")
        return f"Init:{index}/{len(inits)}" if reason == "PodInitializing" else f"Init:{reason}"
    return ""


def _reason(states: Sequence[Json]) -> str:
    """Why containers do not run; the first one that says so, and no end while another runs."""
    reasons = [
        (state, str(found["reason"]))
        for item in states
        for state, found in (item.get("state") or {}).items()
        if state in ("waiting", "terminated") and found.get("reason")
    ]
    runs = any("running" in (item.get("state") or {}) for item in states)
    return next((reason for state, reason in reasons if state == "waiting" or not runs), "")
