"""What holds on every page: both themes readable, nothing scrolls sideways, no script needed to read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from bin.launcher.stack import Stack
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/clusters/",
    "/clusters/register/",
    "/clusters/prod-eu-1/",
    "/clusters/prod-eu-1/connection/",
    "/clusters/staging-eu/workloads/",
    "/clusters/prod-eu-1/egress/",
    "/clusters/prod-eu-1/explain/",
    "/clusters/prod-eu-1/objects/",
    "/findings/",
    "/findings/?group=namespace",
    "/clusters/staging-eu/suppressions/",
    "/workloads/",
    "/egress/",
    "/hosts/",
    "/hosts/new/?set=speedscale",
    "/hosts/speedscale/",
    "/hosts/speedscale/1/?cluster=prod-eu-1",
    "/hosts/speedscale/compare/",
    "/changes/",
    "/policy/",
    "/policy/propose/",
    "/audit/",
    "/profile/",
    "/search/?q=checkout",
    "/style/",
)
WIDTHS = (360, 768, 1440, 1920)
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture
def page(sign_in: SignIn) -> Page:
    return sign_in("administrator")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_passes_the_accessibility_rules(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    found = []
    for path in PAGES:
        page.goto(path)
        results = Axe().run(page, options=RULES)
        found += [
            f"{path}: {violation['id']} {[node['target'] for node in violation['nodes']][:3]}"
            for violation in results.response["violations"]
        ]
    assert found == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    wide = []
    for path in PAGES:
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)
    assert wide == []


def test_a_cell_is_explained_without_script(stack: Stack, new_page: Callable[..., Page]) -> None:
    page = new_page(scripts=False)
    login = next(login for login in stack.logins if login.username == "viewer")
    page.goto("/sign-in/")
    page.get_by_label("User name").fill(login.username)
    page.get_by_label("Password").fill(login.password)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/clusters/prod-eu-1/egress/?q=checkout")
    page.get_by_role("link", name="gcr.io").first.click()
    expect(page.locator("#explain")).to_contain_text("What is not listed is refused")
    expect(page.get_by_role("button", name="Propose this fix")).to_have_count(0)
