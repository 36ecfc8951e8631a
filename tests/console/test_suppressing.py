"""Suppressing on the pages: offered to those who may, told to everybody, and never hidden."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import Finding, Suppression
from apps.analysis.suppressing import Pattern, suppress_finding, suppress_pattern
from apps.clusters.models import Cluster
from apps.common import clock
from tests.factories.people import person

As = Callable[[User], Client]


@pytest.fixture
def found(shop: Cluster) -> Finding:
    row = Finding.objects.filter(resolved_at__isnull=True).order_by("severity_rank", "pk").first()
    assert row is not None
    return row


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split())


def test_it_is_suppressed_without_javascript_and_says_so_everywhere(
    shop: Cluster, found: Finding, charlie: User, victor: User, as_: As
) -> None:
    client, page = as_(charlie), f"/findings/{found.pk}/"
    assert 'action="/findings/' in text(client, page)
    until = clock.now().date() + timedelta(days=7)
    answer = client.post(
        f"{page}suppress/", {"which": "one", "reason": "not <captured>", "until": str(until)}
    )
    assert (answer.status_code, answer["Location"]) == (302, page)
    for who in (charlie, victor):
        shown = text(as_(who), page)
        assert "It does not count" in shown
        assert f"Suppressed by charlie, until {until:%-d %b %Y}: not &lt;captured&gt;" in shown
    assert "Lift suppression" not in text(as_(victor), page)
    link = f'href="/findings/{found.pk}/"'
    assert link not in text(client, "/findings/?page_size=200")
    assert link in text(client, "/findings/?state=suppressed")
    assert 'Suppressed <span class="count">1</span>' in text(client, "/findings/")
    assert "1 suppressed" in text(client, "/")
    assert "1 suppressed" in text(client, "/clusters/shop/")


def test_lifting_it_brings_it_back(shop: Cluster, found: Finding, charlie: User, as_: As) -> None:
    client, page = as_(charlie), f"/findings/{found.pk}/"
    suppress_finding(actor=charlie, finding=found, reason="known", until=None)
    assert client.post(f"{page}lift/").status_code == 302
    shown = text(client, page)
    assert "It does not count" not in shown
    assert "Lifted by charlie" in shown
    assert client.post(f"{page}lift/", follow=True).status_code == 200


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"which": "one", "reason": " ", "until": "2999-01-01"}, "This field is required"),
        ({"which": "one", "reason": "x"}, "Name a last day"),
        ({"which": "one", "reason": "x", "until": "soon"}, "Enter a valid date"),
        ({"which": "one", "reason": "x", "until": "2001-01-01"}, "The last day is over already"),
    ],
)
def test_what_cannot_be_used_is_said_beside_the_field_and_nothing_is_lost(
    found: Finding, charlie: User, as_: As, typed: dict[str, str], words: str
) -> None:
    answer = as_(charlie).post(f"/findings/{found.pk}/suppress/", typed)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert typed.get("until", "") in answer.content.decode()
    assert not Suppression.objects.exists()


def test_a_pattern_is_suppressed_from_a_finding_and_lifted_from_the_list(
    shop: Cluster, found: Finding, charlie: User, victor: User, as_: As
) -> None:
    client = as_(charlie)
    typed = {
        "which": "pattern",
        "kind": found.kind,
        "namespace": "",
        "name": "*",
        "reason": "all",
        "endless": "on",
    }
    assert client.post(f"/findings/{found.pk}/suppress/", typed).status_code == 302
    row = Suppression.objects.get()
    assert (row.code, row.kind, row.namespace, row.name, row.until) == (
        found.code,
        found.kind,
        "*",
        "*",
        None,
    )
    assert "all of these count again" in text(client, f"/findings/{found.pk}/")
    lift = f"/clusters/shop/suppressions/{row.pk}/lift/"
    assert lift in text(client, "/clusters/shop/suppressions/")
    assert lift not in text(as_(victor), "/clusters/shop/suppressions/")
    assert as_(victor).post(lift).status_code == 403
    assert client.post(lift).status_code == 302
    assert client.post(lift).status_code == 409
    assert "Lifted" in text(client, "/clusters/shop/suppressions/")


def test_who_may_not_suppress_is_not_offered_it_and_refused(found: Finding, alice: User, as_: As) -> None:
    client = as_(alice)
    assert 'id="suppress"' not in text(client, f"/findings/{found.pk}/")
    answer = client.post(f"/findings/{found.pk}/suppress/", {"which": "one", "reason": "x", "endless": "on"})
    assert answer.status_code == 403
    assert "suppress findings" in answer.content.decode()


def test_an_annotation_is_told_as_such(found: Finding, charlie: User, as_: As) -> None:
    Finding.objects.filter(pk=found.pk).update(suppressed_by="annotation", suppressed_reason="")
    shown = text(as_(charlie), f"/findings/{found.pk}/")
    assert "Suppressed by its object's own annotation: no reason is given" in shown
    assert "Lift suppression" not in shown


def test_a_suppression_of_other_namespaces_is_not_shown(shop: Cluster, charlie: User, as_: As) -> None:
    pattern = Pattern("SS03", namespace="secret-*")
    row = suppress_pattern(actor=charlie, cluster=shop, pattern=pattern, reason="hush", until=None)
    dev = as_(person("dev", "operator", namespace="catalog"))
    assert "hush" not in text(dev, "/clusters/shop/suppressions/")
    assert dev.post(f"/clusters/shop/suppressions/{row.pk}/lift/").status_code == 404


def test_findings_are_exported_with_their_state_as_csv_and_json_lines(
    shop: Cluster, found: Finding, charlie: User, as_: As
) -> None:
    Finding.objects.filter(pk=found.pk).update(title="=1+1")
    other = Finding.objects.get(pk=found.pk)
    other.pk, other.fingerprint, other.namespace = None, "f" * 32, "elsewhere"
    other.save()
    suppress_finding(actor=charlie, finding=found, reason="+SUM(A1)", until=None)
    client = as_(charlie)
    answer = client.get("/clusters/shop/findings/?state=suppressed&format=csv")
    (row,) = csv.DictReader(b"".join(answer.streaming_content).decode().splitlines())  # type: ignore[attr-defined]
    assert (row["state"], row["suppressed_reason"], row["title"]) == ("suppressed", "'+SUM(A1)", "'=1+1")
    answer = client.get("/findings/?format=jsonl")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert other.fingerprint in {line["fingerprint"] for line in lines}
    assert found.fingerprint not in {line["fingerprint"] for line in lines}
    assert {line["state"] for line in lines} == {"open"}
    assert answer["Content-Disposition"] == 'attachment; filename="findings.jsonl"'


@pytest.mark.parametrize("field", ["code", "namespace"])
def test_findings_are_grouped_with_the_number_of_each(
    found: Finding, charlie: User, as_: As, field: str
) -> None:
    for number in range(3):
        found.pk, found.fingerprint, found.namespace = None, f"{number}" * 32, f"n{number // 2}"
        found.save()
    shown = text(as_(charlie), f"/findings/?group={field}")
    rows = Finding.objects.filter(resolved_at__isnull=True)
    values = set(rows.values_list(field, flat=True))
    assert shown.count('<tr class="group">') == len(values)
    for value in values:
        number = rows.filter(**{field: value}).count()
        assert f'<span class="count">{number}</span></th>' in shown


def test_a_group_or_state_that_is_none_is_ignored(shop: Cluster, charlie: User, as_: As) -> None:
    assert '<tr class="group">' not in text(as_(charlie), "/findings/?group=message&state=nonsense")
