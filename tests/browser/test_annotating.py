"""A workload that asks for capture in the wrong place, mended from its finding and put back, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

CLUSTER = "staging-eu"
NAMESPACE = "payments"
WORKLOAD = "psp-adapter-paylink"
TITLE = "Annotated for capture, and not injected"
APPLY_MS = 90_000


def test_a_wish_on_the_pod_template_is_moved_to_the_workload_and_taken_back(sign_in: SignIn) -> None:
    proposer = sign_in("proposer")
    finding = open_finding(proposer)
    remedy = proposer.locator("#fix")
    expect(remedy).to_contain_text("sidecar.speedscale.com/inject")
    expect(remedy).to_contain_text("pods are replaced")
    remedy.get_by_role("button", name="Propose this remedy").click()
    change = confirmed(proposer, sign_in)

    proposer.goto(finding)
    expect(proposer.locator(".meta-row")).to_contain_text("resolved")
    proposer.goto(change)
    proposer.get_by_role("button", name="Propose revert").click()
    confirmed(proposer, sign_in)


def open_finding(page: Page) -> str:
    """The page of the finding, with what its remedy would write; its address."""
    page.goto(f"/clusters/{CLUSTER}/findings/?code=SS08")
    row = page.get_by_role("row").filter(has_text=f"{NAMESPACE}/{WORKLOAD}")
    row.get_by_role("link", name=TITLE).click()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    return page.url


def confirmed(proposer: Page, sign_in: SignIn) -> str:
    """From the draft that is open to the confirmation, by the one approval that staging asks for."""
    proposer.get_by_role("button", name="Submit for approval").click()
    expect(proposer.locator(".meta-row")).to_contain_text("Waiting for approval", timeout=APPLY_MS)
    expect(proposer.locator("main")).to_contain_text("its pods are replaced")
    change = re.sub(r"[?#].*", "", proposer.url)
    approver = sign_in("approver")
    approver.goto(change)
    approver.get_by_role("button", name=re.compile("Approve revision")).click()
    approver.wait_for_url(f"{change}*")
    proposer.goto(change)
    expect(proposer.get_by_role("heading", name=re.compile("^Confirmed"))).to_be_visible(timeout=APPLY_MS)
    return change
