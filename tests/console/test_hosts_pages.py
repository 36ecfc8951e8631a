"""The host catalogue in the browser: read, imported with a preview, compared, put in force, looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import User
from apps.analysis import hostfile
from apps.analysis.actions import analyse_cluster
from apps.analysis.models import Finding, HostAdoption, HostEdition, ScopeVerdicts
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.mesh.hostsets import FIRST_EDITION
from tests.factories.hosts import CARDS, NEXT, added, in_use
from tests.factories.people import person

As = Callable[[User], Client]


@pytest.fixture
def dora(db: None) -> User:
    return person("dora")


def words(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split())


def test_everybody_with_a_role_reads_the_catalogue_and_nobody_else(victor: User, eve: User, as_: As) -> None:
    added(CARDS)
    text = words(as_(victor), "/hosts/")
    assert "Edition 2026-08" in text
    assert "Not in use" in text
    assert "subject to change" in text
    assert "New set" not in text
    assert "Put it in force" not in words(as_(victor), "/hosts/cards/1/")
    for path in ("/hosts/", "/hosts/speedscale/", "/hosts/speedscale/1/", "/hosts/speedscale/compare/"):
        assert as_(eve).get(path).status_code == 403
    assert as_(victor).get("/hosts/new/").status_code == 403
    assert as_(victor).post("/hosts/new/", {"content": NEXT, "reason": "x"}).status_code == 403
    assert as_(victor).post("/hosts/cards/1/adopt/", {"reason": "x"}).status_code == 403
    assert as_(victor).post("/hosts/cards/retire/", {"reason": "x"}).status_code == 403
    assert not HostAdoption.objects.exists()


def test_what_is_not_there_is_not_found(dora: User, as_: As) -> None:
    for path in ("/hosts/nobody/", "/hosts/nobody/1/", "/hosts/speedscale/2/", "/hosts/nobody/compare/"):
        assert as_(dora).get(path).status_code == 404
    assert as_(dora).get("/hosts/speedscale/1/?cluster=nowhere").status_code == 404


def test_an_edition_is_previewed_kept_and_put_in_force(shop: Cluster, dora: User, as_: As) -> None:
    client = as_(dora)
    assert "firehose.{region}.amazonaws.com" in words(client, "/hosts/new/?set=speedscale")
    preview = client.post("/hosts/new/", {"content": NEXT, "preview": "1"})
    text = " ".join(preview.content.decode().split())
    assert "1 added, 10 removed, 2 changed, 0 as before" in text
    assert "required to documented" in text
    assert not HostEdition.objects.exists()
    made = client.post("/hosts/new/", {"content": NEXT, "reason": "They wrote."}, follow=True)
    assert made.redirect_chain == [("/hosts/speedscale/2/", 302)]
    assert "counts nowhere until it is put in force" in made.content.decode()
    effect = words(client, "/hosts/speedscale/2/?cluster=shop")
    assert "1 of 1 new host blocked somewhere" in effect
    assert "For Speedscale" in effect
    done = client.post("/hosts/speedscale/2/adopt/", {"reason": "It counts."}, follow=True)
    assert "edition 2026-11 is in force" in done.content.decode()
    analyse_cluster(shop)
    matrix = words(client, "/clusters/shop/egress/")
    assert "Speedscale hosts, edition 2026-11" in matrix
    assert "telemetry" in matrix
    finding = Finding.objects.get(cluster=shop, code="SS01", resolved_at=None)
    assert "speedscale, edition 2026-11" in words(client, f"/findings/{finding.pk}/")


def test_a_mistake_keeps_what_was_typed_and_says_every_field(dora: User, as_: As) -> None:
    text = "set: speedscale\nedition: e2\nhosts: [{host: <b>, tier: x}]"
    answer = as_(dora).post("/hosts/new/", {"content": text, "reason": "My reason"})
    shown = answer.content.decode()
    assert answer.status_code == 400
    for told in ("source: say where", "hosts[0].host: «&lt;b&gt;»", "hosts[0].tier:", "My reason"):
        assert told in shown
    assert "&lt;b&gt;, tier: x" in shown
    unreasoned = as_(dora).post("/hosts/new/", {"content": NEXT})
    assert unreasoned.status_code == 400
    assert "Say why" in unreasoned.content.decode()
    assert "telemetry.speedscale.com" in unreasoned.content.decode()
    empty = as_(dora).post("/hosts/new/", {"content": " ", "preview": "1"})
    assert "Paste the hosts, or choose a file." in empty.content.decode()


def test_a_plain_list_is_uploaded_as_a_file_and_stays_in_the_form(dora: User, as_: As) -> None:
    plain = "\n".join(host.host for host in FIRST_EDITION.hosts[1:])
    given = {"name": "speedscale", "edition": "e2", "source": "a mail", "preview": "1"}
    upload = SimpleUploadedFile("hosts.txt", plain.encode())
    answer = as_(dora).post("/hosts/new/", {**given, "upload": upload})
    text = " ".join(answer.content.decode().split())
    assert "0 added, 1 removed, 0 changed, 11 as before" in text
    assert "speedscale.github.io</textarea>" in answer.content.decode()
    for bad, told in ((b"\xff\xfe\x00", "not text"), (b"x" * 200_000, "larger than the 128 KiB")):
        refused = as_(dora).post("/hosts/new/", {**given, "upload": SimpleUploadedFile("hosts.txt", bad)})
        assert refused.status_code == 400
        assert told in refused.content.decode()


def test_any_two_editions_are_compared(dora: User, as_: As) -> None:
    added(NEXT)
    text = words(as_(dora), "/hosts/speedscale/compare/?before=2&after=1")
    assert "From speedscale, edition 2026-11 to speedscale, edition 2026-08" in text
    assert "10 added, 1 removed, 2 changed" in text
    assert "The same hosts in every field" in words(as_(dora), "/hosts/speedscale/compare/?before=x&after=1")


def test_an_edition_is_downloaded_as_it_can_be_read_again(victor: User, as_: As) -> None:
    answer = as_(victor).get("/hosts/speedscale/1/?format=yaml")
    assert answer["Content-Type"] == "application/yaml"
    assert hostfile.read(answer.content.decode(), known=FIRST_EDITION) == FIRST_EDITION


def test_another_set_is_chosen_in_the_matrix_and_a_change_is_proposed_from_a_cell(
    shop: Cluster, dora: User, alice: User, victor: User, as_: As
) -> None:
    assert 'name="set"' not in words(as_(alice), "/clusters/shop/egress/")
    added(CARDS)
    place = {"cluster": "shop", "namespaces": "pay*, x", "reason": "They pay."}
    assert as_(dora).post("/hosts/cards/1/adopt/", place).status_code == 302
    analyse_cluster(shop)
    text = words(as_(alice), "/clusters/shop/egress/?set=cards")
    assert "cards hosts, edition 7" in text
    assert "the 2 hosts of cards" in text
    key = ScopeVerdicts.objects.get(cluster=shop, hostset="cards", namespace="payments").key
    told = words(as_(alice), f"/clusters/shop/egress/?set=cards&scope={key}&host=reports.cards.example:8443")
    assert "<code>reports.cards.example:8443</code>" in told
    assert "Propose a change" in told
    cell = {"set": "cards", "scope": key, "host": "reports.cards.example:8443"}
    shown = as_(alice).get("/clusters/shop/egress/fix/", cell).content.decode()
    assert "ServiceEntry payments/external-hosts-https-8443" in shown
    assert "Propose a change" not in words(
        as_(victor), f"/clusters/shop/egress/?set=cards&scope={key}&host=x"
    )
    assert as_(victor).post("/clusters/shop/egress/propose/", cell).status_code == 403
    assert not ChangeSet.objects.exists()
    unknown = as_(alice).post("/clusters/shop/egress/propose/", {**cell, "set": "other"})
    assert unknown.status_code == 404
    assert as_(alice).post("/clusters/shop/egress/propose/", cell).status_code == 302
    item = ChangeSet.objects.get().revisions.get().items.get()
    assert (item.kind, item.namespace, item.name) == ("ServiceEntry", "payments", "external-hosts-https-8443")
    assert item.desired is not None
    assert item.desired["spec"]["hosts"] == ["reports.cards.example"]
    assert item.desired["spec"]["exportTo"] == ["."]
    gone = as_(dora).post("/hosts/cards/retire/", {"reason": "Over."}, follow=True)
    assert "Taken out of use" in gone.content.decode()


def test_a_place_that_cannot_be_is_told_beside_its_field(dora: User, as_: As) -> None:
    added(CARDS)
    answer = as_(dora).post("/hosts/cards/1/adopt/", {"namespaces": "[x]", "reason": "Keep me"})
    assert answer.status_code == 400
    assert "«[x]» is no namespace" in answer.content.decode()
    assert "Keep me" in answer.content.decode()


def test_pages_stand_with_a_set_that_is_in_use(shop: Cluster, victor: User, as_: As) -> None:
    in_use(CARDS, "payments")
    for path in ("/hosts/", "/hosts/cards/", "/hosts/cards/1/", "/hosts/cards/compare/"):
        assert "payments" in words(as_(victor), path) or path.endswith(("1/", "compare/"))
