"""The whole story in a browser: blocked host, explanation, change, two approvals, proof, revert.

Nothing is simulated between the page and the cluster: web, worker and scheduler are processes of their
own, the cluster answers over TLS.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from bin.launcher.stack import Stack
from tests.browser.cluster_reader import ClusterReader
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

CLUSTER = "prod-eu-1"
HOST = "monitoring.us-east-1.amazonaws.com"
NAMESPACE = "checkout"
APPLY_MS = 90_000


def test_a_blocked_host_is_opened_by_an_approved_change_and_closed_by_its_revert(
    sign_in: SignIn, stack: Stack
) -> None:
    reader = ClusterReader.of(stack, CLUSTER)
    before = reader.service_entries()
    proposer = sign_in("proposer")
    explain(proposer)
    expect(proposer.locator("#explain")).to_contain_text("Blocked, reset")
    expect(proposer.locator("#explain")).to_contain_text("REGISTRY_ONLY")
    proposer.get_by_role("button", name="Propose this fix").click()
    change = approve_and_confirm(proposer, sign_in)

    explain(proposer)
    expect(proposer.locator("#explain")).to_contain_text("Allowed by registry")
    (name,) = set(reader.service_entries()) - set(before)
    written = reader.service_entries()[name]
    assert written["spec"]["hosts"] == [HOST]
    assert written["metadata"]["generation"] == 1
    assert {entry["manager"] for entry in written["metadata"]["managedFields"]} == {"meshconsole"}
    untouched = {key: entry for key, entry in reader.service_entries().items() if key != name}
    assert untouched == before

    proposer.goto(change)
    proposer.get_by_role("button", name="Propose revert").click()
    approve_and_confirm(proposer, sign_in)
    assert reader.service_entries() == before
    explain(proposer)
    expect(proposer.locator("#explain")).to_contain_text("Blocked, reset")


def explain(page: Page) -> None:
    """Opens the cell of the workloads in NAMESPACE and HOST, as a person would: by its link."""
    page.goto(f"/clusters/{CLUSTER}/egress/?q={NAMESPACE}")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile(f"^{NAMESPACE}")))
    row.get_by_role("link", name=re.compile(re.escape(HOST))).click()
    expect(page.locator("#explain")).to_contain_text(HOST)


def approve_and_confirm(proposer: Page, sign_in: SignIn) -> str:
    """From the draft that is open to the confirmation; both approvers press the button that they see.
    The address of the change."""
    proposer.get_by_role("button", name="Submit for approval").click()
    expect(proposer.locator(".meta-row")).to_contain_text("Waiting for approval", timeout=APPLY_MS)
    assert proposer.get_by_role("button", name=re.compile("Approve")).count() == 0
    change = re.sub(r"[?#].*", "", proposer.url)
    for person in ("approver", "approver2"):
        page = sign_in(person)
        page.goto(change)
        page.get_by_role("button", name=re.compile("Approve revision")).click()
        page.wait_for_url(f"{change}*")
    proposer.goto(change)
    expect(proposer.get_by_role("heading", name=re.compile("^Confirmed"))).to_be_visible(timeout=APPLY_MS)
    return change
