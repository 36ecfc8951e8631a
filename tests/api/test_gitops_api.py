"""Exports, pushes and repositories over REST."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from apps.gitops.models import Push, Repository
from apps.gitops.pushing import push
from apps.gitops.sealed import public_half, read_key
from tests.api.conftest import Speaker
from tests.factories.shop import Shop, person
from tests.gitops.repositories import Bare, bare, registered
from tests.gitops.test_ssh import KEY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def origin(tmp_path: Path, settings: Settings) -> Bare:
    settings.MESHCONSOLE_GIT_ROOTS = [str(tmp_path)]
    return bare(tmp_path / "mesh.git")


def test_a_change_is_exported(shop: Shop, speaking: Speaker) -> None:
    change = shop.proposed()
    client = speaking(shop.dev, "read")
    path = f"/api/v1/changes/{change.pk}/export/"
    answer = client.get(path)
    assert answer["Content-Type"] == "application/yaml"
    assert "kind: ServiceEntry" in answer.content.decode()
    assert client.get(path, {"as": "kubectl"}).content.startswith(b"#!/bin/sh\n")
    assert client.get(path, {"as": "kustomize"}).content.startswith(b"PK")
    refused = client.get(path, {"as": "helm"})
    assert (refused.status_code, refused.json()["field"]) == (400, "as")
    assert speaking(person("nobody")).get(path).status_code == 404


def test_a_change_is_pushed_and_followed(shop: Shop, speaking: Speaker, origin: Bare) -> None:
    registered(shop.omar, origin)
    change = shop.proposed()
    client = speaking(shop.omar, "read", "operate")
    path = f"/api/v1/changes/{change.pk}"
    asked = client.post(f"{path}/push/", {"repository": "mesh-config"}, format="json")
    assert asked.status_code == 202
    assert asked.json()["state"] == "waiting"
    assert asked.json()["commit"] == ""
    again = client.post(f"{path}/push/", {"repository": "mesh-config"}, format="json")
    assert again.json()["id"] == asked.json()["id"]
    push(asked.json()["id"])
    row = client.get(f"{path}/pushes/").json()["results"][0]
    assert row["state"] == "done"
    assert row["commit"] == origin.tip(row["branch"])
    assert row["files"] == ["clusters/shop/speedscale/serviceentry-speedscale-sts.yaml"]
    unknown = client.post(f"{path}/push/", {"repository": "nothing"}, format="json")
    assert (unknown.status_code, unknown.json()["field"]) == (400, "repository")
    refused = speaking(shop.priya).post(f"{path}/push/", {"repository": "mesh-config"}, format="json")
    assert refused.status_code in {400, 403}
    assert (
        speaking(shop.omar, "read").post(f"{path}/push/", {}, format="json").json()["code"] == "scope_missing"
    )
    assert Push.objects.count() == 1


def test_repositories_are_kept_by_administrators(shop: Shop, speaking: Speaker, origin: Bare) -> None:
    client = speaking(shop.omar)
    body = {"name": "mesh-config", "url": f"file://{origin.path}"}
    made = client.post("/api/v1/repositories/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert made.status_code == 201
    assert (
        client.post("/api/v1/repositories/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1").status_code
        == 201
    )
    assert Repository.objects.count() == 1
    one = f"/api/v1/repositories/{made.json()['id']}/"
    assert client.post(f"{one}test/").json() == {"answers": True, "problem": ""}
    changed = client.patch(one, {"branch": "release"}, format="json").json()
    assert (changed["branch"], changed["name"]) == ("release", "mesh-config")
    assert client.post(f"{one}test/").json()["answers"] is False
    twice = client.post("/api/v1/repositories/", body, format="json")
    assert (twice.status_code, twice.json()["field"]) == (400, "name")
    operator = speaking(person("only-operates"), "read", "operate")
    assert operator.get(one).status_code == 403
    for client_without in (speaking(shop.dev), speaking(shop.priya)):
        assert client_without.get("/api/v1/repositories/").status_code == 403
        assert client_without.delete(one).status_code == 403
    assert client.delete(one).status_code == 204


def test_a_private_key_goes_in_and_never_comes_out(shop: Shop, speaking: Speaker) -> None:
    client = speaking(shop.omar)
    body = {
        "name": "mesh", "url": "git@git.example.com:mesh.git", "private_key": KEY,
        "known_hosts": f"git.example.com {public_half(read_key(KEY))}",
    }  # fmt: skip
    made = client.post("/api/v1/repositories/", body, format="json")
    assert made.status_code == 201, made.json()
    secret = KEY.splitlines()[2]
    assert made.json()["public_key"].startswith("ssh-ed25519 ")
    for answer in (made, client.get("/api/v1/repositories/"), client.get("/api/v1/audit/")):
        assert secret not in answer.content.decode()
