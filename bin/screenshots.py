"""Makes the pictures of the README from a console of its own: `.venv/bin/python -m bin.screenshots`.

Starts the stack in a temporary state directory, walks through the story with headless Chromium and writes
docs/img/*.png. Needs the packages of `make test`.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bin import chromium
from bin.console_text import Failure, fail, say
from bin.environment import ROOT
from bin.launcher.stack import Stack

PICTURES = ROOT / "docs" / "img"
SIZE = ViewportSize(width=1440, height=900)
CLUSTER = "prod-eu-1"
# picture -> (path, colour scheme)
SHOTS = {
    "fleet": ("/", "light"),
    "egress": (f"/clusters/{CLUSTER}/egress/", "light"),
    "cluster-dark": (f"/clusters/{CLUSTER}/", "dark"),
    "findings": ("/findings/", "light"),
}


def main() -> int:
    """Write every picture; the exit code."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    try:
        browser_path = chromium.ensure()
        with (
            tempfile.TemporaryDirectory(prefix="meshconsole-shots-") as folder,
            Stack(Path(folder), report=say) as stack,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            _take_all(browser, stack)
            browser.close()
    except Failure as failure:
        return fail(str(failure))
    return 0


def _take_all(browser: Browser, stack: Stack) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(base_url=stack.url, viewport=SIZE, color_scheme=scheme)
        page = context.new_page()
        _sign_in(page, stack)
        for name, (path, wanted) in SHOTS.items():
            if wanted == scheme:
                page.goto(path)
                page.wait_for_load_state("load")
                page.screenshot(path=PICTURES / f"{name}.png")
                say(f"docs/img/{name}.png")
        context.close()


def _sign_in(page: Page, stack: Stack) -> None:
    login = next(login for login in stack.logins if login.username == "proposer")
    page.goto("/sign-in/")
    page.get_by_label("User name").fill(login.username)
    page.get_by_label("Password").fill(login.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.url}/")


if __name__ == "__main__":
    sys.exit(main())
