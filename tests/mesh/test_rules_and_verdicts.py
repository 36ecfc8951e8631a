"""What checks say of egress, against what the egress engine answers for the same cases."""

from __future__ import annotations

import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol
from tests.mesh.rule_cases import case_snapshot, laid


def asked(code: str, name: str, host: str, port: int, protocol: Protocol, ip: str = "") -> EgressAnswer:
    snapshot = case_snapshot(code, name)
    workload = snapshot.workload("shop", "cart")
    assert workload is not None
    return EgressEngine(snapshot).answer(workload, Destination(host, port, protocol, ip))


@pytest.mark.parametrize(("name", "port"), [("a-database-by-name", 5432), ("no-protocol-at-all", 9000)])
def test_tcp_without_addresses_lets_any_address_out(name: str, port: int) -> None:
    answer = asked("MC122", name, "else.where.com", port, Protocol.TCP, "198.51.100.7")
    assert answer.cluster.startswith(f"outbound|{port}||")


def test_tcp_with_addresses_lets_no_other_out() -> None:
    answer = asked("MC122", "with-addresses", "else.where.com", 5432, Protocol.TCP, "198.51.100.7")
    assert answer.verdict.blocked


def test_an_unknown_protocol_is_as_open_as_tcp() -> None:
    answer = asked("MC125", "not-a-protocol", "else.where.com", 993, Protocol.TLS, "198.51.100.7")
    assert answer.cluster == "outbound|993||api.x.com"


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("an-exact-host-of-a-wildcard-entry", "www.x.com"),
        ("in-another-namespace", "api.x.com"),
        ("the-apex-of-a-wildcard", "x.com"),
        ("not-exported-and-another-port", "api.x.com"),
    ],
)
def test_an_import_that_brings_nothing_leaves_the_host_blocked(name: str, host: str) -> None:
    assert asked("MC110", name, host, 443, Protocol.TLS).verdict.blocked


@pytest.mark.parametrize("host", ["any.x.com", "api.y.com"])
def test_an_import_that_brings_something_opens_it(host: str) -> None:
    assert asked("MC110", "imports-that-bring-something", host, 443, Protocol.TLS).verdict.reachable


def test_http_on_443_does_not_take_tls() -> None:
    assert asked("MC124", "http-on-443", "api.x.com", 443, Protocol.TLS).verdict.blocked


def test_an_exclusion_of_everything_cuts_the_own_service_off() -> None:
    name = "beside-imports-since-1-31"
    answer = asked("MC114", name, "stock.shop.svc.cluster.local", 8080, Protocol.HTTP)
    assert answer.verdict.blocked


def test_an_empty_listener_cuts_the_own_service_off() -> None:
    answer = asked("MC111", "no-hosts", "stock.shop.svc.cluster.local", 8080, Protocol.HTTP)
    assert answer.verdict.blocked


def test_an_entry_with_a_services_host_is_taken_in_its_own_namespace_only() -> None:
    more = """
apiVersion: v1
kind: Namespace
metadata: {name: pay, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: pay}
spec: {template: {metadata: {labels: {app: ledger}}, spec: {containers: [{name: l, image: l}]}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: x, namespace: pay}
spec:
  hosts: [stock.shop.svc.cluster.local]
  resolution: STATIC
  endpoints: [{address: 10.0.0.1}]
  ports: [{number: 8080, name: http, protocol: HTTP}]
"""
    snapshot = laid("mesh", "shop", more=more)
    engine, to = EgressEngine(snapshot), Destination("stock.shop.svc.cluster.local", 8080, Protocol.HTTP)
    found = []
    for namespace, name in (("pay", "ledger"), ("shop", "cart")):
        workload = snapshot.workload(namespace, name)
        assert workload is not None
        found.append(str(engine.answer(workload, to).service))
    assert found == ["ServiceEntry pay/x", "Service shop/stock"]
