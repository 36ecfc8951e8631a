"""Whatever a cluster or a person sends is shown as text: never as markup, never as a link that acts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import Finding, ScopeVerdicts, WorkloadState
from apps.changes.actions.propose_yaml import propose_yaml
from apps.clusters.models import Cluster, HealthState
from apps.common import clock
from apps.console.templatetags.console import linkable
from apps.inventory import store
from apps.inventory.collect import Collected, Collection
from tests.console.conftest import STS_ENTRY

As = Callable[[User], Client]
SCRIPT = "<script>alert(1)</script>"
LINK = "javascript:alert(1)"


@pytest.fixture
def hostile(shop: Cluster) -> Cluster:
    """A cluster that puts markup wherever it can."""
    WorkloadState.objects.create(
        cluster=shop, kind="Deployment", namespace="<script>", name=SCRIPT, istio_expected=SCRIPT,
        istio_actual=SCRIPT, istio_reason=SCRIPT, istio_tone="bad", capture_expected=LINK,
        capture_actual=SCRIPT, capture_reason=LINK, capture_tone='"><i>',
    )  # fmt: skip
    scope = ScopeVerdicts.objects.filter(cluster=shop, namespace="catalog").get()
    scope.label = SCRIPT
    scope.workloads = [SCRIPT, f"Deployment <script>/{SCRIPT}"]
    scope.answers["gcr.io"] = {
        "verdict": SCRIPT,
        "evidence": [{"title": SCRIPT, "text": SCRIPT, "ref": {"kind": "<b>", "name": LINK}, "path": SCRIPT}],
        "fix": {"text": SCRIPT, "remedy": ""},
        "unknowns": [SCRIPT],
    }
    scope.save()
    shop.health, shop.health_message = HealthState.UNREACHABLE, SCRIPT
    shop.gaps = [{"kind": SCRIPT, "namespace": SCRIPT, "reason": SCRIPT}]
    shop.region = "eu"
    shop.save()
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "evil", "labels": {"x": LINK, "y": SCRIPT}},
    }
    store.save(shop, Collection((Collected(manifest, {"uid": SCRIPT}),), (), {}, 1), at=clock.now())
    Finding.objects.create(
        cluster=shop, fingerprint="a" * 32, code="XX02", severity=SCRIPT[:10], severity_rank=0, title=SCRIPT,
        message=SCRIPT, kind="Namespace", namespace="", name="evil", path=SCRIPT, references=[LINK, SCRIPT],
        affected=[SCRIPT], evidence=[{"title": SCRIPT, "text": SCRIPT, "ref": SCRIPT}],
        opened_at=clock.now(), seen_at=clock.now(),
    )  # fmt: skip
    return shop


def pages(hostile: Cluster) -> list[str]:
    key = ScopeVerdicts.objects.get(cluster=hostile, label=SCRIPT).key
    return [
        "/",
        "/clusters/",
        "/clusters/shop/",
        "/clusters/shop/connection/",
        "/workloads/",
        "/clusters/shop/workloads/?q=<script>alert(1)</script>",
        f"/clusters/shop/egress/?scope={key}&host=gcr.io",
        f"/findings/{Finding.objects.get(code='XX02').pk}/",
        "/findings/?code=XX02",
        "/clusters/shop/objects/Namespace/-/evil/",
        "/search/?q=<script>alert(1)</script>",
        "/clusters/shop/explain/?workload=<script>&host=<script>&port=443&protocol=TLS",
    ]


def test_markup_of_a_cluster_is_shown_as_text(hostile: Cluster, charlie: User, as_: As) -> None:
    client = as_(charlie)
    for path in pages(hostile):
        text = client.get(path).content.decode()
        assert "<script>alert" not in text, path
        assert 'href="javascript' not in text.lower(), path
        assert '"><i>' not in text, path


def test_markup_of_a_person_is_shown_as_text(shop: Cluster, alice: User, as_: As) -> None:
    change = propose_yaml(actor=alice, cluster=shop, text=STS_ENTRY, title=SCRIPT, reason=SCRIPT)
    for path in (f"/changes/{change.pk}/", "/changes/", "/search/?q=script"):
        assert "<script>alert" not in as_(alice).get(path).content.decode()


def test_a_label_that_is_an_address_for_scripts_is_text(hostile: Cluster, victor: User, as_: As) -> None:
    text = as_(victor).get("/clusters/shop/objects/Namespace/-/evil/").content.decode()
    assert LINK in text
    assert f'"{LINK}"' not in text.replace("&quot;", "")


def test_a_spreadsheet_finds_no_formula_in_an_export(shop: Cluster, victor: User, as_: As) -> None:
    WorkloadState.objects.create(
        cluster=shop, kind="Deployment", namespace="catalog", name="=HYPERLINK(1)", istio_expected="none",
        istio_actual="none", istio_tone="off", capture_expected="none", capture_actual="none",
        capture_tone="off",
    )  # fmt: skip
    answer = as_(victor).get("/workloads/?format=csv")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == 'attachment; filename="workloads.csv"'
    assert ",'=HYPERLINK(1)," in text


@pytest.mark.parametrize(
    ("address", "links"),
    [
        ("https://istio.io/x", True),
        ("http://istio.io", True),
        ("javascript:alert(1)", False),
        (" JavaScript:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("https://", False),
        ("http://[", False),
        (7, False),
    ],
)
def test_only_web_addresses_become_links(address: object, links: bool) -> None:
    assert linkable(address) is links
