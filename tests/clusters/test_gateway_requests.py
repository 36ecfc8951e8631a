"""What the gateway asks of an API server, request by request: lists, applies, deletes, permissions."""

# ruff: noqa: SIM117 (what fails is shown apart from what is prepared)

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from apps.clusters import gateway as g
from apps.clusters.kube.gateway import open_kube
from tests.factories.stub_api import Answer, Asked, Reply, Stub, stub_api

SIDECARS = g.Resource("networking.istio.io", "v1", "sidecars", "Sidecar")
SIDECAR = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"namespace": "shop", "name": "default", "uid": "u", "resourceVersion": "7"},
    "spec": {},
}


def opened(stub: Stub) -> g.ClusterGateway:
    return open_kube(stub.connection(), ip_address("127.0.0.1"))


def always(reply: Reply) -> Answer:
    return lambda _asked: reply


def paged(pages: list[list[dict[str, Any]]]) -> Answer:
    def answer(asked: Asked) -> Reply:
        number = int(asked.path.partition("continue=")[2] or 0)
        following = str(number + 1) if number + 1 < len(pages) else ""
        return Reply({"metadata": {"resourceVersion": "5", "continue": following}, "items": pages[number]})

    return answer


def names(number: int) -> list[dict[str, Any]]:
    return [{"metadata": {"name": f"p{number}-{i}"}, "spec": {"x": i}} for i in range(3)]


def test_a_list_is_read_page_by_page() -> None:
    with stub_api(paged([names(n) for n in range(4)])) as stub, opened(stub) as gateway:
        pages = list(gateway.pages(SIDECARS, dict, limit=3))
    assert [len(page.items) for page in pages] == [3, 3, 3, 3]
    assert stub.asked[0].path == "/apis/networking.istio.io/v1/sidecars?limit=3"
    assert len(stub.asked) == 4


def test_a_token_that_stands_behind_the_items_is_found_all_the_same() -> None:
    bodies = [b'{"items":[],"metadata":{"continue":"1"}}', b'{"items":[],"metadata":{}}']

    def answer(asked: Asked) -> Reply:
        return Reply(bodies["continue=1" in asked.path])

    with stub_api(answer) as stub, opened(stub) as gateway:
        assert len(list(gateway.pages(SIDECARS, dict))) == 2


def test_a_token_inside_an_item_is_not_taken_for_the_list_s() -> None:
    body = b'{"items":[{"x":{"continue":"abc"}}],"metadata":{}}'
    with stub_api(always(Reply(body))) as stub, opened(stub) as gateway:
        assert len(list(gateway.pages(SIDECARS, dict))) == 1
    assert len(stub.asked) == 1


def test_an_empty_list_may_have_null_items() -> None:
    with stub_api(always(Reply({"metadata": {}, "items": None}))) as stub, opened(stub) as gateway:
        assert [page.items for page in gateway.pages(SIDECARS, dict)] == [[]]


def test_an_expired_list_says_so() -> None:
    body = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    with stub_api(always(Reply(body, status=410))) as stub, opened(stub) as gateway:
        with pytest.raises(g.ExpiredListError):
            list(gateway.pages(SIDECARS, dict))


def test_server_side_apply_is_sent_as_a_server_expects_it() -> None:
    reply = Reply(SIDECAR, status=201, headers={"Warning": '299 - "unknown field \\"x\\""'})
    with stub_api(always(reply)) as stub, opened(stub) as gateway:
        answer = gateway.apply(SIDECARS, SIDECAR, dry_run=True)
        gateway.apply(SIDECARS, SIDECAR, dry_run=False, force=True)
    assert (answer.created, answer.warnings) == (True, ('unknown field "x"',))
    dry, real = stub.asked
    assert dry.headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(dry.body) == SIDECAR
    path = "/apis/networking.istio.io/v1/namespaces/shop/sidecars/default"
    path += "?fieldManager=meshconsole&fieldValidation=Strict"
    assert dry.path == f"{path}&force=false&dryRun=All"
    assert real.path == f"{path}&force=true"


def test_a_delete_puts_preconditions_and_dry_run_into_the_body() -> None:
    with stub_api(always(Reply({}))) as stub, opened(stub) as gateway:
        gateway.delete(SIDECARS, "shop", "default", uid="u-1", resource_version="7", dry_run=True)
    assert "?" not in stub.asked[0].path
    body = json.loads(stub.asked[0].body)
    assert body["preconditions"] == {"uid": "u-1", "resourceVersion": "7"}
    assert body["dryRun"] == ["All"]


@pytest.mark.parametrize("name", ["../../secrets", "a/b", "a?x=1", "a#b", "<script>"])
def test_names_cannot_leave_their_place_in_the_path(name: str) -> None:
    with stub_api(always(Reply({}))) as stub, opened(stub) as gateway:
        gateway.get(SIDECARS, "shop", name)
    tail = stub.asked[0].path.removeprefix("/apis/networking.istio.io/v1/namespaces/shop/sidecars/")
    assert not set(tail) & set("/?#<")


def checks(answer: Callable[[Asked], bool]) -> Answer:
    return lambda asked: Reply({"status": {"allowed": answer(asked)}}, status=201)


def test_permissions_are_asked_one_by_one() -> None:
    with stub_api(checks(lambda asked: b'"list"' in asked.body)) as stub, opened(stub) as gateway:
        asked = [g.AccessCheck("list", "", "pods"), g.AccessCheck("patch", "", "pods", "shop", "x")]
        assert gateway.allowed(asked) == (True, False)
    spec = json.loads(stub.asked[1].body)["spec"]["resourceAttributes"]
    assert spec == {"verb": "patch", "group": "", "resource": "pods", "namespace": "shop", "name": "x"}
