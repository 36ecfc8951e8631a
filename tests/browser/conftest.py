"""The running product for the browser: the very stack that `make run` starts, and headless Chromium.

Each session has a state directory of its own; nothing is mocked between the page and the cluster.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from bin.launcher.stack import Stack

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 20_000

SignIn = Callable[[str], Page]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("MESHCONSOLE_CHROMIUM") or shutil.which("chromium")
    assert path, "Chromium is needed: apt-get install chromium, or set MESHCONSOLE_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser, stack: Stack) -> Iterator[Callable[..., Page]]:
    """Opens a page with cookies of its own; fails the test when a page logs an error or sends a 5xx."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(*, scripts: bool = True) -> Page:
        context = chromium.new_context(
            base_url=stack.url,
            viewport={"width": 1440, "height": 1000},
            reduced_motion="reduce",  # what is measured must not be in the middle of a transition
            java_script_enabled=scripts,
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"script: {error}"))
        page.on("console", lambda message: problems.extend(_told(message)))
        page.on(
            "response",
            lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None,
        )
        return page

    expect.set_options(timeout=WAIT_MS)
    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def sign_in(new_page: Callable[..., Page], stack: Stack) -> SignIn:
    """Signs in as a person of the demonstration (`proposer`, …) and leaves the page on the fleet."""

    def as_person(person: str) -> Page:
        login = next(login for login in stack.logins if login.username == person)
        page = new_page()
        page.goto("/sign-in/")
        page.get_by_label("User name").fill(login.username)
        page.get_by_label("Password").fill(login.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page

    return as_person


def _told(message: ConsoleMessage) -> list[str]:
    """What the browser's console complains of, but for refusals, which tests provoke on purpose."""
    refused = "the server responded with a status of 4" in message.text
    return [f"console: {message.text}"] if message.type == "error" and not refused else []
