"""Plays the recorded groups, and says which cases cannot be put to a real server."""

import json
from collections.abc import Callable
from typing import Any

from tests.cluster_contract.admission import admission_steps
from tests.cluster_contract.documents import comparison
from tests.cluster_contract.endpoint import Endpoint
from tests.cluster_contract.making import drop_namespaces, make_namespaces, service_entry
from tests.cluster_contract.policies import drop_recorded_policy
from tests.cluster_contract.replay import Known, Outcome, cases, play
from tests.cluster_contract.setups import SETUPS, USERS, Step, drop_cluster_roles

__all__ = ["ONLY_SIMULATED", "USERS", "drop_cluster_roles", "drop_namespaces", "run"]


# What a real server cannot be brought to from outside.
ONLY_SIMULATED: dict[tuple[str, str], str] = {
    ("list", "all-namespaces"): "counts what else the server holds",
    **{
        ("admission", case["name"]): "needs a webhook that the server can reach"
        for case in cases("admission")
        if case["name"].startswith("webhook-")
    },
    ("overload", ""): "needs a server in trouble",
    **{
        ("odd", name): "an accident of the recorded version, whose handler panics"
        for name in ("media-type-protobuf-crd", "media-type-protobuf-crd-envelope")
    },
    ("expired", ""): "needs a compaction of etcd and a restart",
    **{
        ("auth", name): "needs a token of its own; a real server is asked by impersonation"
        for name in (
            "self-subject-review-viewer",
            "impersonate-allowed",
            "impersonate-allowed-read",
            "impersonate-allowed-forbidden",
            "impersonate-denied-user",
            "impersonate-denied-group",
            "impersonate-extra",
        )
    },
}


def _entries(field: str, values: list[Any]) -> bytes:
    body = service_entry("v", "")
    body["metadata"] = {"name": "v"}
    body["spec"][field] = values
    return json.dumps(body).encode()


def _annotated() -> bytes:
    body = service_entry("v", "")
    body["metadata"] = {"name": "v", "annotations": {"large": "x" * 262_145}}
    return json.dumps(body).encode()


# Bodies too large for the recording, made anew.
BODIES: dict[tuple[str, str], Callable[[], bytes]] = {
    ("validation", "se-hosts-257"): lambda: _entries("hosts", [f"h{n}.example.com" for n in range(257)]),
    ("validation", "se-addresses-257"): lambda: _entries(
        "addresses", [f"10.0.{n // 250}.{n % 250}" for n in range(257)]
    ),
    ("validation", "se-ports-257"): lambda: _entries(
        "ports", [{"name": f"p{n}", "number": n + 1} for n in range(257)]
    ),
    ("validation", "se-endpoints-4097"): lambda: _entries(
        "endpoints", [{"address": f"10.{n // 62500}.{n // 250 % 250}.{n % 250}"} for n in range(4097)]
    ),
    ("validation", "annotation-too-long"): _annotated,
    ("odd", "json-patch-10001-ops"): lambda: json.dumps(
        [{"op": "test", "path": "/spec/resolution", "value": "NONE"}] * 10_001
    ).encode(),
    ("odd", "body-too-large"): lambda: _entries("hosts", ["x" * 3_250_586]),
    ("odd", "body-too-large-patch"): lambda: _entries("hosts", ["x" * 3_250_586]),
    ("odd", "body-too-large-for-etcd"): lambda: _entries("subjectAltNames", ["x" * 1_782_580]),
    ("odd", "media-type-protobuf-crd"): lambda: b"\x0a\xff\xff\x01 no protobuf",
    ("odd", "media-type-protobuf-crd-envelope"): lambda: b"k8s\x00\x0a\x04\x0a\x02v1\x12\x02\xff\xff",
    ("odd", "configmap-too-large"): lambda: json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"a": "x" * 1_048_577}}
    ).encode(),
}


def run(endpoint: Endpoint, group: str, known: Known) -> list[Outcome]:
    """Play a group in order in namespaces of its own; the outcome of every case."""
    if endpoint.real and (group, "") in ONLY_SIMULATED:
        return []
    make_namespaces(endpoint, known, "demo")
    before, between = SETUPS.get(group, (None, {}))
    if before:
        before(endpoint, known)
    if group == "admission":
        with admission_steps(real=endpoint.real) as steps:
            outcomes = _play_all(endpoint, group, known, steps)
        drop_recorded_policy(endpoint, known)
        return outcomes
    return _play_all(endpoint, group, known, between)


def _play_all(endpoint: Endpoint, group: str, known: Known, between: dict[str, Step]) -> list[Outcome]:
    outcomes = []
    for case in cases(group):
        if endpoint.real and (group, case["name"]) in ONLY_SIMULATED:
            continue
        step = between.get(case["name"])
        if step:
            step(endpoint, known)
        make = BODIES.get((group, case["name"]))
        compare = comparison(group, case["name"])
        outcomes.append(play(endpoint, known, case, body=make() if make else None, compare=compare))
    return outcomes
