"""A server in trouble: what is still served, and how long a client waits."""

import pytest

from apps.simcluster.messages import Request, parse_query
from apps.simcluster.outages import Outage, health, trouble

PODS = "/api/v1/namespaces/shop/pods"


def asked(path: str, method: str = "GET") -> Request:
    path, _, query = path.partition("?")
    return Request(method, path, parse_query(query), {})


@pytest.mark.parametrize(
    "path", [f"{PODS}?resourceVersion=0", f"{PODS}?watch=1", "/apis", "/apis/apps/v1", "/version", "/livez"]
)
def test_what_comes_from_memory_is_served_without_the_storage(path: str) -> None:
    assert trouble(Outage.STORAGE_DOWN, asked(path), 5) is None


def test_without_the_storage_a_client_waits_as_long_as_it_said() -> None:
    found = trouble(Outage.STORAGE_DOWN, asked(f"{PODS}?timeout=4s"), 60)
    assert found is not None
    assert (found.seconds, found.response) == (4, None)
    found = trouble(Outage.STORAGE_DOWN, asked(PODS), 60)
    assert found is not None
    assert found.response is not None
    assert (found.seconds, found.response.status) == (60, 504)
    found = trouble(Outage.STORAGE_DOWN, asked(f"{PODS}?timeout=5s", "POST"), 0.1)
    assert found is not None
    assert found.response is not None
    assert (found.seconds, found.response.status) == (0.1, 504)


def test_a_busy_server_still_tells_its_health() -> None:
    found = trouble(Outage.OVERLOADED, asked(PODS), 60)
    assert found is not None
    assert found.response is not None
    assert found.response.status == 429
    assert trouble(Outage.OVERLOADED, asked("/readyz"), 60) is None


def test_each_health_endpoint_fails_for_its_own_reason() -> None:
    states = {
        (path, outage): health(path, outage, verbose=False).status
        for path in ("/livez", "/readyz")
        for outage in (Outage.SHUTTING_DOWN, Outage.STORAGE_DOWN)
    }
    assert states == {
        ("/livez", Outage.SHUTTING_DOWN): 200,
        ("/readyz", Outage.SHUTTING_DOWN): 500,
        ("/livez", Outage.STORAGE_DOWN): 500,
        ("/readyz", Outage.STORAGE_DOWN): 200,
    }
