"""What a table says of a pod."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.simcluster.pod_columns import pod_cells

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RUNNING: dict[str, Any] = {"running": {}}
DONE: dict[str, Any] = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def pod(inits: list[tuple[str, dict[str, Any]]], state: dict[str, Any], phase: str) -> dict[str, Any]:
    def row(name: str, found: dict[str, Any]) -> dict[str, Any]:
        runs = "running" in found
        return {"name": name, "ready": runs, "started": runs, "state": found}

    written = [{"name": name} | ({"restartPolicy": "Always"} if name == "proxy" else {}) for name, _ in inits]
    return {
        "metadata": {},
        "spec": {"containers": [{"name": "app"}], "initContainers": written},
        "status": {
            "phase": phase,
            "initContainerStatuses": [row(name, found) for name, found in inits],
            "containerStatuses": [row("app", state)],
        },
    }


@pytest.mark.parametrize(
    ("inits", "state", "phase", "shown"),
    [
        ([], RUNNING, "Running", ["1/1", "Running"]),
        ([], waiting("ContainerCreating"), "Pending", ["0/1", "ContainerCreating"]),
        ([], waiting("ImagePullBackOff"), "Pending", ["0/1", "ImagePullBackOff"]),
        ([], DONE, "Succeeded", ["0/1", "Completed"]),
        ([("setup", DONE), ("proxy", RUNNING)], RUNNING, "Running", ["2/2", "Running"]),
        ([("setup", waiting("PodInitializing"))], waiting("PodInitializing"), "Pending", ["0/1", "Init:0/1"]),
        (
            [("proxy", RUNNING), ("setup", waiting("ImagePullBackOff"))],
            waiting("PodInitializing"),
            "Pending",
            ["1/2", "Init:ImagePullBackOff"],
        ),
    ],
)
def test_a_pod_is_shown_as_kubectl_shows_it(
    inits: list[tuple[str, dict[str, Any]]], state: dict[str, Any], phase: str, shown: list[str]
) -> None:
    assert pod_cells(pod(inits, state, phase), NOW)[:2] == shown
