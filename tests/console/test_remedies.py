"""A finding's page offers the remedy where its simulation is shown, and says why there is none."""

from __future__ import annotations

import html
from collections.abc import Callable

from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import Finding
from apps.clusters.models import Cluster
from apps.mesh.rules.catalogue import rule

As = Callable[[User], Client]
BUTTON = "Propose this remedy"


def test_the_remedy_is_offered_with_what_it_was_simulated_to_do(
    shop: Cluster, alice: User, victor: User, as_: As
) -> None:
    finding = Finding.objects.filter(cluster=shop, remedy="open-required-hosts")[0]
    assert BUTTON not in as_(alice).get(f"/findings/{finding.pk}/").content.decode()
    shown = as_(alice).get(f"/findings/{finding.pk}/remedy/").content.decode()
    assert "Predicted effect" in shown
    assert BUTTON in shown
    assert BUTTON not in as_(victor).get(f"/findings/{finding.pk}/remedy/").content.decode()


def test_a_permission_that_the_console_lacks_is_said_beside_the_remedy(
    shop: Cluster, alice: User, as_: As
) -> None:
    shop.may_not = [{"group": "networking.istio.io", "plural": "serviceentries", "verb": "patch"}]
    shop.save()
    finding = Finding.objects.filter(cluster=shop, remedy="open-required-hosts")[0]
    shown = as_(alice).get(f"/findings/{finding.pk}/remedy/").content.decode()
    assert "The console may not patch serviceentries.networking.istio.io on shop" in shown


def test_a_remedy_that_cannot_be_simulated_is_not_offered(shop: Cluster, alice: User, as_: As) -> None:
    finding = Finding.objects.filter(cluster=shop, remedy="open-required-hosts")[0]
    finding.remedy = "declare-istio-cni"
    finding.save()
    shown = as_(alice).get(f"/findings/{finding.pk}/remedy/").content.decode()
    assert "there is nothing that lacks it" in shown
    assert BUTTON not in shown


def test_where_there_is_no_remedy_the_reason_of_the_check_is_told(
    shop: Cluster, victor: User, as_: As
) -> None:
    finding = Finding.objects.filter(cluster=shop, remedy="")[0]
    checked = rule(finding.code)
    assert checked is not None
    page = " ".join(html.unescape(as_(victor).get(f"/findings/{finding.pk}/").content.decode()).split())
    assert checked.no_remedy
    assert checked.no_remedy in page
