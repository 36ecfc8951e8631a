"""What must be refused or flagged, as a person meets it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from bin.launcher.stack import Stack
from tests.browser.cluster_reader import ClusterReader
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

PAGES_SIDECAR = """apiVersion: networking.istio.io/v1beta1
kind: Sidecar
metadata:
  name: default
  namespace: checkout
spec:
  egress:
  - hosts:
    - "speedscale/*"
"""
EXEC_KUBECONFIG = """apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "https://203.0.113.5", certificate-authority-data: QQ==}}]
users: [{name: a, user: {exec: {command: /bin/touch, args: [/tmp/x], apiVersion: v1}}}]
"""


def test_the_example_of_speedscales_page_is_flagged_with_the_workloads_it_cuts_off(
    sign_in: SignIn, stack: Stack
) -> None:
    workloads = ClusterReader.of(stack, "prod-eu-1").get("/apis/apps/v1/namespaces/checkout/deployments")
    page = sign_in("proposer")
    page.goto("/clusters/prod-eu-1/propose/")
    page.get_by_label("Manifests").fill(PAGES_SIDECAR)
    page.get_by_role("button", name="Show prediction").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("would cut off")
    lost = int(alert.get_by_role("heading").inner_text().split("cut off ")[1].split(" ")[0])
    assert lost >= len(workloads["items"]) > 0
    expect(page.get_by_label("Manifests")).to_have_value(PAGES_SIDECAR)


def test_a_kubeconfig_that_runs_a_program_is_refused_by_name(sign_in: SignIn) -> None:
    page = sign_in("administrator")
    page.goto("/clusters/register/")
    page.locator("input[name=name]").fill("evil")
    page.locator("textarea[name=kubeconfig]").fill(EXEC_KUBECONFIG)
    page.get_by_role("button", name="Check and register").click()
    expect(page.locator("main")).to_contain_text("exec")
    expect(page.locator("input[name=name]")).to_have_value("evil")


def test_a_viewer_sees_no_way_to_change_anything_and_gets_a_sentence(sign_in: SignIn) -> None:
    page = sign_in("viewer")
    page.goto("/clusters/prod-eu-1/egress/?q=checkout")
    page.get_by_role("link", name="gcr.io").first.click()
    expect(page.locator("#explain")).to_contain_text("gcr.io")
    expect(page.get_by_role("button", name="Propose")).to_have_count(0)
    answer = page.goto("/clusters/prod-eu-1/propose/")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("role")
