"""A finding is suppressed, found among the suppressed ones, and lifted; readable in both themes."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.browser.test_pages import RULES

pytestmark = pytest.mark.browser


def test_a_finding_is_suppressed_and_lifted_in_place(sign_in: SignIn) -> None:
    page = sign_in("administrator")
    page.set_viewport_size({"width": 360, "height": 900})
    page.goto("/findings/?code=SS07")
    page.locator("tbody a").first.click()
    address = page.url
    readable(page)
    page.get_by_label("Reason").fill("Captured elsewhere.")
    page.locator("form#suppress").get_by_role("button", name="Suppress").click()
    expect(page.get_by_role("heading", name="It does not count")).to_be_visible()
    expect(page.locator(".messages")).to_contain_text("Suppressed SS07")
    assert page.url == address, "it was done in place"
    readable(page)
    page.goto("/findings/?state=suppressed")
    expect(page.locator("#results")).to_contain_text("Captured elsewhere.")
    readable(page)
    page.goto(address)
    page.get_by_role("button", name="Lift suppression").click()
    expect(page.get_by_role("heading", name="It does not count")).to_have_count(0)


def readable(page: Page) -> None:
    """Accessible in both themes, and nothing scrolls sideways."""
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        violations = Axe().run(page, options=RULES).response["violations"]
        assert [violation["id"] for violation in violations] == [], theme
