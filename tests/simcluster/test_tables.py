"""What tables say: spans of time, and pods in one word."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.simcluster.columns import LAYOUTS
from apps.simcluster.durations import age, human_duration
from apps.simcluster.pod_columns import pod_cells

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (5 * MINUTE + 30, "5m30s"),
        (10 * MINUTE + 30, "10m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 5 * MINUTE, "7h5m"),
        (47 * HOUR, "47h"),
        (5 * DAY + 3 * HOUR, "5d3h"),
        (8 * DAY + 3 * HOUR, "8d"),
        (729 * DAY, "729d"),
        (800 * DAY, "2y70d"),
        (9 * 365 * DAY, "9y"),
    ],
)
def test_spans_are_told_as_kubectl_tells_them(seconds: int, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_ages_of_times_with_and_without_fractions() -> None:
    assert age("2026-11-25T11:59:30Z", NOW) == "30s"
    assert age("2026-11-25T11:59:30.000001Z", NOW) == "29s"
    assert age(None, NOW) == "<unknown>"


def state(**more: Any) -> dict[str, Any]:
    return {"name": "app", "ready": True, "restartCount": 0, "state": {"running": {}}, **more}


def pod(status: dict[str, Any], inits: list[dict[str, Any]] | None = None, **meta: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "app"}], "initContainers": inits or []}
    return {"metadata": {"name": "web", **meta}, "spec": spec, "status": status}


SIDECAR = [{"name": "istio-proxy", "restartPolicy": "Always"}]
STARTING = {"phase": "Pending", "initContainerStatuses": [state(name="istio-proxy", ready=False)]}
LEAVING = "2026-11-25T12:00:00Z"
WAITING = {"waiting": {"reason": "CrashLoopBackOff"}}
ENDED = {"terminated": {"exitCode": 0, "reason": "Completed"}}
FAILED = {"terminated": {"exitCode": 1, "reason": "Error"}}
BROKEN = {"phase": "Pending", "initContainerStatuses": [state(name="first", state=FAILED)]}


@pytest.mark.parametrize(
    ("found", "cells"),
    [
        (pod({"phase": "Pending"}), ["0/1", "Pending", "0"]),
        (pod({"phase": "Running", "containerStatuses": [state()]}), ["1/1", "Running", "0"]),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [state()],
                    "initContainerStatuses": [state(name="istio-proxy", started=True)],
                },
                SIDECAR,
            ),
            ["2/2", "Running", "0"],
        ),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [state(name="istio-proxy", ready=False)]},
                SIDECAR,
            ),
            ["0/2", "Init:0/1", "0"],
        ),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [state(name="first", state=FAILED)]},
                [{"name": "first"}],
            ),
            ["0/1", "Init:Error", "0"],
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [
                        state(
                            ready=False,
                            restartCount=3,
                            state=WAITING,
                            lastState={"terminated": {"finishedAt": "2026-11-25T11:55:00Z"}},
                        )
                    ],
                }
            ),
            ["0/1", "CrashLoopBackOff", "3 (5m ago)"],
        ),
        (
            pod({"phase": "Succeeded", "containerStatuses": [state(ready=False, state=ENDED)]}),
            ["0/1", "Completed", "0"],
        ),
        (pod({"phase": "Failed", "reason": "Evicted"}), ["0/1", "Evicted", "0"]),
        (
            pod({"phase": "Running", "containerStatuses": [state()]}, deletionTimestamp=LEAVING),
            ["1/1", "Terminating", "0"],
        ),
    ],
)
def test_a_pod_is_told_by_what_holds_it_up(found: dict[str, Any], cells: list[str]) -> None:
    assert pod_cells(found, NOW)[:3] == cells


def test_a_service_tells_its_ports_and_where_it_is_reached() -> None:
    spec = {"type": "LoadBalancer", "clusterIP": "10.96.0.1", "ports": [{"port": 80, "nodePort": 30080}]}
    cells = LAYOUTS["services"].cells({"metadata": {}, "spec": spec}, NOW)
    assert cells == ["LoadBalancer", "10.96.0.1", "<pending>", "80:30080/TCP", "<none>"]
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}
    assert (
        LAYOUTS["services"].cells({"metadata": {}, "spec": spec, "status": status}, NOW)[2]
        == "lb.example.com"
    )


def test_a_job_tells_how_far_it_is_and_how_long_it_took() -> None:
    status = {
        "conditions": [{"type": "Complete", "status": "True"}],
        "succeeded": 1,
        "startTime": "2026-11-25T11:00:00Z",
        "completionTime": "2026-11-25T11:01:30Z",
    }
    job = {"metadata": {}, "spec": {"completions": 1}, "status": status}
    assert LAYOUTS["jobs"].cells(job, NOW)[:3] == ["Complete", "1/1", "90s"]


def test_every_layout_fills_its_columns() -> None:
    for plural, layout in LAYOUTS.items():
        cells = layout.cells({"metadata": {"name": "x", "creationTimestamp": "2026-11-25T11:00:00Z"}}, NOW)
        ages = sum(name == "Age" for name, _, _ in layout.columns)
        assert len(cells) + ages == len(layout.columns), plural


def test_endpoints_and_slices_show_three_and_how_many_more() -> None:
    rows = [{"addresses": [f"10.0.0.{number}"]} for number in range(5)]
    ports = [{"name": "http", "port": 80}, {"name": "all"}]
    slices = LAYOUTS["endpointslices"].cells
    shown = slices({"addressType": "IPv4", "endpoints": rows, "ports": ports}, NOW)
    assert shown == ["IPv4", "80,all", "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..."]
    assert slices({"addressType": "IPv4", "endpoints": [], "ports": []}, NOW) == [
        "IPv4",
        "<unset>",
        "<unset>",
    ]
    addresses = [{"ip": f"10.0.0.{number}"} for number in range(4)]
    subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
    assert LAYOUTS["endpoints"].cells({"subsets": subsets}, NOW) == [
        "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 1 more..."
    ]


def test_quotas_show_requests_and_limits_apart() -> None:
    hard = {"requests.cpu": "4", "limits.cpu": "8", "count/pods": "10"}
    status = {"hard": hard, "used": {"requests.cpu": "1", "count/pods": "3"}}
    shown = LAYOUTS["resourcequotas"].cells({"status": status}, NOW)
    assert shown == ["count/pods: 3/10, requests.cpu: 1/4", "limits.cpu: 0/8"]
