"""Drift, the second look and the versions of an object in the browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.changes.actions import watch
from apps.changes.actions.see_drift import see_drift
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet, Verification, Watch
from apps.clusters.models import Cluster
from apps.common import clock
from apps.inventory import store
from apps.inventory.models import Content, ObjectVersion
from apps.inventory.store import digest
from apps.mesh.refs import ResourceRef

As = Callable[[User], Client]
REF = ResourceRef("ServiceEntry", "speedscale", "speedscale-sts")
OBJECT = "/clusters/shop/objects/ServiceEntry/speedscale/speedscale-sts/"


def seen(change: ChangeSet, hosts: list[str], *, manager: str = "meshconsole", mark: bool = True) -> None:
    """A reading in which the object has these hosts, owned by the manager."""
    item = change.revisions.get().items.get()
    manifest = {**(item.desired or {}), "spec": {**(item.desired or {})["spec"], "hosts": hosts}}
    if not mark:
        manifest["metadata"] = {"name": item.name, "namespace": item.namespace}
    content, _ = Content.objects.get_or_create(sha256=digest(manifest), defaults={"manifest": manifest})
    now = clock.now()
    place = {"cluster": item.cluster, "kind": item.kind, "namespace": item.namespace, "name": item.name}
    ObjectVersion.objects.filter(**place, valid_to__isnull=True).update(valid_to=now)
    owners = [{"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {"f:hosts": {}}}}]
    ObjectVersion.objects.create(
        **place,
        api_version=item.api_version,
        content=content,
        meta={"uid": "u1", "managedFields": owners},
        valid_from=now,
    )
    store.forget_cached()
    see_drift(cluster=item.cluster, touched={REF}, began=now)


@pytest.fixture
def applied(draft: ChangeSet) -> ChangeSet:
    """Applied, watched, and read once as it was written."""
    item = draft.revisions.get().items.get()
    item.result, item.written_at = "applied", clock.now()
    item.save()
    ChangeSet.objects.filter(pk=draft.pk).update(state=State.APPLIED, finished_at=clock.now())
    draft.refresh_from_db()
    watch.begin(draft, item)
    seen(draft, (item.desired or {})["spec"]["hosts"])
    return draft


@pytest.fixture
def drifted(applied: ChangeSet) -> ChangeSet:
    seen(applied, ["<b>evil</b>.example"], manager="kubectl-edit")
    applied.refresh_from_db()
    assert applied.drifted_at is not None
    return applied


def test_a_change_shows_what_others_changed_and_offers_two_ways(
    drifted: ChangeSet, alice: User, as_: As
) -> None:
    text = " ".join(as_(alice).get(f"/changes/{drifted.pk}/").content.decode().split())
    assert "Drift: others have changed what it wrote" in text
    assert "no longer reads as it was written: spec.hosts (now of kubectl-edit)" in text
    assert "&lt;b&gt;evil&lt;/b&gt;.example" in text
    assert "<b>evil" not in text
    assert "Propose it again" in text
    assert "Accept and watch it no longer" in text


def test_one_who_may_only_look_sees_the_drift_and_can_do_nothing(
    drifted: ChangeSet, victor: User, as_: As
) -> None:
    text = as_(victor).get(f"/changes/{drifted.pk}/").content.decode()
    assert "Drift: others have changed" in text
    assert "Propose it again" not in text
    for path, data in (("propose_again/", {}), ("accept-drift/", {"reason": "x"})):
        assert as_(victor).post(f"/changes/{drifted.pk}/{path}", data).status_code == 403
    assert Watch.objects.filter(drifted_at__isnull=False).exists()


def test_it_is_proposed_again_on_what_is_there_now(drifted: ChangeSet, alice: User, as_: As) -> None:
    answer = as_(alice).post(f"/changes/{drifted.pk}/propose_again/", follow=True)
    again = ChangeSet.objects.exclude(pk=drifted.pk).get()
    assert answer.redirect_chain == [(f"/changes/{again.pk}/", 302)]
    assert "Again: Open the token service" in answer.content.decode()
    item = again.revisions.get().items.get()
    assert (item.action, (item.base or {})["spec"]["hosts"]) == ("update", ["<b>evil</b>.example"])
    assert (item.desired or {})["spec"]["hosts"] == ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"]


def test_it_is_accepted_with_a_reason_that_is_kept(drifted: ChangeSet, alice: User, as_: As) -> None:
    path = f"/changes/{drifted.pk}/accept-drift/"
    refused = as_(alice).post(path, {"reason": " "})
    assert refused.status_code == 400
    assert "This field is required." in refused.content.decode()
    text = as_(alice).post(path, {"reason": "They know <i>"}, follow=True).content.decode()
    assert "Drift: others have changed" not in text
    assert "They know &lt;i&gt;" in text
    again = as_(alice).post(path, {"reason": "once more"})
    assert again.status_code == 409
    assert "Everything that it wrote reads as it was written." in again.content.decode()


def test_drift_is_in_the_list_on_the_overview_and_on_the_object(
    drifted: ChangeSet, alice: User, as_: As
) -> None:
    client = as_(alice)
    assert drifted.number in client.get("/changes/?drifted=1").content.decode()
    overview = client.get("/").content.decode()
    assert f"/changes/{drifted.pk}/#drift" in overview
    page = " ".join(client.get(OBJECT).content.decode().split())
    assert f'href="/changes/{drifted.pk}/">{drifted.number}</a>' in page
    assert "It has drifted since" in page
    seen(drifted, ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com"])
    assert drifted.title not in client.get("/changes/?drifted=1").content.decode()
    assert "#drift" not in client.get("/").content.decode()
    assert "It reads as it was written." in client.get(OBJECT).content.decode()


def test_the_second_look_is_announced_and_then_shown(applied: ChangeSet, alice: User, as_: As) -> None:
    client, path = as_(alice), f"/changes/{applied.pk}/"
    detail: dict[str, Any] = {"shop": {"predicted": {}, "happened": {}, "differences": [], "remarks": []}}
    first = Verification.objects.create(change=applied, at=clock.now(), confirmed=True, detail=detail)
    ChangeSet.objects.filter(pk=applied.pk).update(settles_at=clock.now() + timedelta(minutes=3))
    assert "It is looked at once more after it has settled" in client.get(path).content.decode()
    ChangeSet.objects.filter(pk=applied.pk).update(settles_at=None)
    bad = {"shop": {**detail["shop"], "differences": ["It is not there."], "remarks": ["Others did."]}}
    Verification.objects.create(change=applied, phase="settled", at=clock.now(), confirmed=False, detail=bad)
    text = " ".join(client.get(path).content.decode().split())
    assert "After settling it does not do what was predicted" in text
    assert "shop: It is not there." in text
    assert "shop: Others did." in text
    assert "it was confirmed" in text
    assert first.phase == "first"


def test_whoever_keeps_the_object_is_named_before_it_is_submitted(
    draft: ChangeSet, alice: User, as_: As
) -> None:
    kept = {"tool": "Flux", "source": "shop-app", "reverts": True}
    draft.revisions.get().items.update(kept_by=kept)
    text = " ".join(as_(alice).get(f"/changes/{draft.pk}/").content.decode().split())
    assert "<b>Flux</b> (shop-app) keeps" in text
    assert "A Kustomization puts the object back at its next interval" in text


def test_a_preview_says_what_a_gitops_tool_will_do(shop: Cluster, alice: User, as_: As) -> None:
    row = ObjectVersion.objects.select_related("content").get(kind="Sidecar", name="default")
    manifest = row.content.manifest
    manifest["metadata"].setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = "shop:x"
    Content.objects.filter(pk=row.content_id).update(manifest=manifest)
    store.forget_cached()
    paste = """apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: payments, annotations: {argocd.argoproj.io/tracking-id: "shop:x"}}
spec: {egress: [{hosts: ["./*", "istio-system/*", "speedscale/*", "catalog/*"]}]}
"""
    answer = as_(alice).post("/clusters/shop/propose/", {"manifests": paste, "preview": "1"})
    text = answer.content.decode()
    assert "Sidecar payments/default is kept by Argo CD (shop). With self-heal it puts" in text


def test_versions_say_who_made_them_and_two_are_compared(applied: ChangeSet, alice: User, as_: As) -> None:
    seen(applied, ["one.example"], manager="kubectl-edit")
    seen(applied, ["two.example"], manager="argocd-controller", mark=False)
    client = as_(alice)
    text = " ".join(client.get(f"{OBJECT}versions/").content.decode().split())
    assert f'href="/changes/{applied.pk}/">{applied.number}</a>' in text
    assert "kubectl-edit" in text
    assert "argocd-controller" in text
    assert "1 field: <code>spec.hosts</code>" in text
    pks = list(
        ObjectVersion.objects.filter(name=REF.name).order_by("valid_from").values_list("pk", flat=True)
    )
    text = client.get(f"{OBJECT}versions/", {"old": pks[0], "new": pks[1]}).content.decode()
    assert "one.example" in text
    assert "two.example" not in text
    same = client.get(f"{OBJECT}versions/", {"old": pks[0], "new": pks[0]}).content.decode()
    assert "These two read the same." in same
    odd = client.get(f"{OBJECT}versions/", {"old": "x", "new": "9" * 30})
    assert odd.status_code == 200


def test_versions_of_what_one_may_not_see_are_not_there(applied: ChangeSet, eve: User, as_: As) -> None:
    assert as_(eve).get(f"{OBJECT}versions/").status_code == 404
    other = ObjectVersion.objects.filter(kind="Sidecar").values_list("pk", flat=True)[0]
    page = as_(applied.author).get(f"{OBJECT}versions/", {"old": other})
    assert "payments" not in page.content.decode()


def test_a_page_of_versions_costs_the_same_for_few_and_for_many(
    applied: ChangeSet, alice: User, as_: As
) -> None:
    client, costs = as_(alice), []
    for number in range(6):
        seen(applied, [f"{number}.example"])
        client.get(f"{OBJECT}versions/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{OBJECT}versions/").status_code == 200
        costs.append(len(queries))
    assert len(set(costs)) == 1, costs


def test_a_drifted_change_costs_the_same_for_one_object_and_for_many(
    drifted: ChangeSet, alice: User, as_: As
) -> None:
    client, path = as_(alice), f"/changes/{drifted.pk}/"

    def cost() -> int:
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    before, one = cost(), Watch.objects.get()
    item = one.item
    for number in range(4):
        item.pk, item.position = None, 10 + number
        item.save()
        one.pk, one.item, one.name = None, item, f"more-{number}"
        one.save()
    assert cost() == before
