"""Every fault as a client meets it over TLS, and which requests a rule selects."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apps.simcluster.access import User
from apps.simcluster.faults import Fault, FaultKind, Match
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster
from tests.factories.fleet import client

MAPS = "/api/v1/namespaces/shop/configmaps"
ENTRY = "/apis/networking.istio.io/v1/namespaces/shop/serviceentries/api"
ROBOT = User("robot", groups=("system:masters",))


def config(name: str, namespace: str = "shop") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "x" * 200}}


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    namespaces: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("shop", "other")
    ]
    objects = [config("one"), config("two"), config("one", "other")]
    return [ClusterSpec("faulty", manifests=[*namespaces, *objects], users=[(ROBOT, None)])]


@pytest.fixture
def http(sim: SimulatedCluster) -> Iterator[httpx.Client]:
    with client(sim) as opened:
        yield opened


def apply(http: httpx.Client, path: str, obj: dict[str, Any], **query: str) -> httpx.Response:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    params = {"fieldManager": "tests", **query}
    return http.patch(path, params=params, content=json.dumps(obj), headers=headers)


def fails(sim: SimulatedCluster, kind: FaultKind, **fields: Any) -> None:
    sim.faults.add(Fault(kind, **fields))


def took(http: httpx.Client, path: str) -> float:
    started = time.monotonic()
    assert http.get(path).status_code == 200
    return time.monotonic() - started


def test_latency_is_waited_for_and_jitter_comes_on_top_of_it(
    sim: SimulatedCluster, http: httpx.Client
) -> None:
    usual = took(http, MAPS)
    fails(sim, FaultKind.LATENCY, seconds=0.2, times=None)
    assert took(http, MAPS) >= 0.2 > usual
    fails(sim, FaultKind.LATENCY, jitter=0.4, seed=7, times=None)
    planned = sim.faults.add(Fault(FaultKind.LATENCY, jitter=0.4, seed=7))
    other = sim.faults.add(Fault(FaultKind.LATENCY, jitter=0.4, seed=7))
    assert planned.pause() == other.pause() > 0
    assert took(http, MAPS) > 0.2


def test_latency_and_another_fault_come_together(sim: SimulatedCluster, http: httpx.Client) -> None:
    fails(sim, FaultKind.LATENCY, seconds=0.2)
    fails(sim, FaultKind.STATUS, status=500)
    started = time.monotonic()
    assert http.get(MAPS).status_code == 500
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "Unauthorized"),
        (410, "Expired"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_status_without_a_body_is_worded_by_the_server(
    sim: SimulatedCluster, http: httpx.Client, status: int, reason: str
) -> None:
    fails(sim, FaultKind.STATUS, status=status, retry_after=3)
    answer = http.get(MAPS)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
    assert (answer.json()["kind"], answer.json()["reason"], answer.json()["code"]) == (
        "Status",
        reason,
        status,
    )


def test_a_typed_error_names_the_applied_object_and_hits_nothing_but_applies(
    sim: SimulatedCluster, http: httpx.Client
) -> None:
    fails(sim, FaultKind.TYPED_ERROR, message=".spec.nope: field not declared in schema")
    assert http.get(MAPS).status_code == 200
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"hosts": ["a.example.com"], "resolution": "NONE"},
    }
    refused, done = apply(http, ENTRY, entry), apply(http, ENTRY, entry)
    assert (refused.status_code, done.status_code) == (500, 201)
    assert refused.json()["message"] == (
        "failed to create typed patch object (shop/api; networking.istio.io/v1, Kind=ServiceEntry): "
        ".spec.nope: field not declared in schema"
    )
    assert "reason" not in refused.json()


def test_a_real_typed_error_reads_like_the_injected_one(sim: SimulatedCluster, http: httpx.Client) -> None:
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"nope": 1},
    }
    real = apply(http, ENTRY, entry).json()
    fails(sim, FaultKind.TYPED_ERROR, message=".spec.nope: field not declared in schema")
    assert apply(http, ENTRY, entry).json() == real


def test_a_reset_comes_before_the_work_and_a_lost_answer_after_it(
    sim: SimulatedCluster, http: httpx.Client
) -> None:
    for kind, stored in ((FaultKind.RESET, False), (FaultKind.LOST_ANSWER, True)):
        fails(sim, kind, match=Match(verb="create"))
        with pytest.raises(httpx.TransportError):
            http.post(MAPS, json=config(f"made-{kind}"))
        assert (sim.store.get("configmaps", "shop", f"made-{kind}") is not None) is stored


def test_a_truncated_body_is_shorter_than_announced(sim: SimulatedCluster, http: httpx.Client) -> None:
    fails(sim, FaultKind.TRUNCATED)
    received: list[bytes] = []
    with http.stream("GET", MAPS) as answer, pytest.raises(httpx.TransportError):
        received.extend(answer.iter_raw())
    assert len(b"".join(received)) == int(answer.headers["content-length"]) // 2


def test_a_stalled_body_goes_on_after_its_time_or_never(sim: SimulatedCluster, http: httpx.Client) -> None:
    fails(sim, FaultKind.STALLED, seconds=0.3)
    assert took(http, MAPS) >= 0.3
    fails(sim, FaultKind.STALLED)
    with pytest.raises(httpx.ReadTimeout):
        http.get(MAPS, timeout=0.4)
    assert http.get(MAPS).status_code == 200


def test_a_dripping_body_arrives_whole_in_small_pieces(sim: SimulatedCluster, http: httpx.Client) -> None:
    whole = http.get(f"{MAPS}/one").content
    fails(sim, FaultKind.DRIP, piece=100, seconds=0.02)
    with http.stream("GET", f"{MAPS}/one") as answer:
        parts = list(answer.iter_raw())
    assert b"".join(parts) == whole
    assert len(parts) >= len(whole) // 100


HIT = 503


@pytest.mark.parametrize(
    ("match", "hit", "missed"),
    [
        (Match(verb="list"), f"GET {MAPS}", f"GET {MAPS}/one"),
        (Match(verb="get"), f"GET {MAPS}/one", "GET /apis"),
        (Match(verb="deletecollection"), f"DELETE {MAPS}", f"DELETE {MAPS}/none"),
        (Match(method="HEAD"), "HEAD /version", "GET /version"),
        (Match(path="/vers"), "GET /version", "GET /apis"),
        (Match(group=""), f"GET {MAPS}", f"GET {ENTRY}"),
        (Match(group="*.istio.io"), f"GET {ENTRY}", f"GET {MAPS}"),
        (Match(resource="config*"), f"GET {MAPS}", "GET /api/v1/namespaces"),
        (Match(kind="ConfigMap"), f"GET {MAPS}", "GET /api/v1/pods"),
        (Match(subresource="status"), "GET /api/v1/namespaces/shop/status", "GET /api/v1/namespaces/shop"),
        (Match(subresource=""), "GET /api/v1/namespaces/shop", "GET /api/v1/namespaces/shop/status"),
        (Match(namespace="sh?p"), f"GET {MAPS}", "GET /api/v1/namespaces/other/configmaps"),
        (Match(name="o*"), f"GET {MAPS}/one", f"GET {MAPS}/two"),
        (Match(name="one"), f"GET {MAPS}?fieldSelector=metadata.name=one", f"GET {MAPS}"),
        (Match(dry_run=True), f"DELETE {MAPS}/none?dryRun=All", f"DELETE {MAPS}/none"),
        (Match(dry_run=False), f"DELETE {MAPS}/none", f"DELETE {MAPS}/none?dryRun=All"),
        (Match(verb="list", namespace="shop"), f"GET {MAPS}", "GET /api/v1/configmaps"),
    ],
)
def test_a_rule_selects_by_what_is_asked_for(
    sim: SimulatedCluster, http: httpx.Client, match: Match, hit: str, missed: str
) -> None:
    planned = sim.faults.add(Fault(FaultKind.STATUS, match))
    assert http.request(*missed.split(" ")).status_code != HIT
    assert http.request(*hit.split(" ")).status_code == HIT
    assert (planned.matched, planned.hits, planned.spent) == (1, 1, True)


def test_an_apply_is_no_patch_and_a_creation_has_the_name_in_its_body(
    sim: SimulatedCluster, http: httpx.Client
) -> None:
    fails(sim, FaultKind.STATUS, match=Match(verb="patch"))
    obj = {**config("applied"), "data": {"a": "b"}}
    assert apply(http, f"{MAPS}/applied", obj).status_code == 201
    merge = {"Content-Type": "application/merge-patch+json"}
    assert http.patch(f"{MAPS}/applied", content=b"{}", headers=merge).status_code == HIT
    fails(sim, FaultKind.STATUS, match=Match(verb="create", name="bad-*"))
    assert http.post(MAPS, json=config("good-1")).status_code == 201
    assert http.post(MAPS, json=config("bad-1")).status_code == HIT


def test_a_rule_selects_by_user(sim: SimulatedCluster, http: httpx.Client) -> None:
    fails(sim, FaultKind.STATUS, match=Match(user="robot"), times=None)
    assert http.get(MAPS).status_code == 200
    with client(sim, "robot") as robot:
        assert robot.get(MAPS).status_code == HIT
    assert http.get(MAPS, headers={"Impersonate-User": "robot"}).status_code == HIT


def test_the_first_requests_are_left_alone_and_none_means_until_removed(
    sim: SimulatedCluster, http: httpx.Client
) -> None:
    planned = sim.faults.add(Fault(FaultKind.STATUS, after=2, times=None))
    assert [http.get(MAPS).status_code for _ in range(5)] == [200, 200, HIT, HIT, HIT]
    assert sim.faults.remove(planned.id)
    assert not sim.faults.remove(planned.id)
    assert http.get(MAPS).status_code == 200
    assert (planned.matched, planned.hits) == (5, 3)


def test_a_probability_hits_the_same_requests_every_time(sim: SimulatedCluster, http: httpx.Client) -> None:
    def played(seed: int) -> list[int]:
        planned = sim.faults.add(Fault(FaultKind.STATUS, times=None, probability=0.5, seed=seed))
        seen = [http.get("/version").status_code for _ in range(30)]
        sim.faults.remove(planned.id)
        return seen

    first = played(1)
    assert first == played(1) != played(2)
    assert 5 < first.count(HIT) < 25


def test_what_is_not_hit_is_not_counted_down(sim: SimulatedCluster, http: httpx.Client) -> None:
    first = sim.faults.add(Fault(FaultKind.STATUS, status=500))
    second = sim.faults.add(Fault(FaultKind.STATUS, status=504))
    assert [http.get(MAPS).status_code for _ in range(3)] == [500, 504, 200]
    assert (first.hits, second.hits) == (1, 1)


def test_a_fault_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match=r"match\.verb must be watch for a watch-dropped fault, not list"):
        Fault(FaultKind.WATCH_DROPPED, Match(verb="list"))
