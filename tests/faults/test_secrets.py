"""The token of a cluster is nowhere to be read but in its ciphertext: not in anything that a running
console writes, keeps, sends or shows, not even when the cluster refuses it."""

from __future__ import annotations

import base64
import re
from contextlib import closing

import httpx
import pytest

from bin.launcher.stack import Stack
from bin.rest_walkthrough import Person
from tests.faults.acting import CLUSTER, Control, approve, assert_applied_once, pending

pytestmark = pytest.mark.faults
USER = "console-writer"
PAGES = ["/", "/clusters/", f"/clusters/{CLUSTER}/", f"/clusters/{CLUSTER}/connection/", "/audit/"]
REST = ["clusters/", f"clusters/{CLUSTER}/", "changes/", "audit/"]


@pytest.fixture
def token(stack: Stack) -> str:
    known = next(cluster for cluster in stack.fleet if cluster["name"] == CLUSTER)
    return str(known["tokens"][USER])


@pytest.fixture
def administrator(stack: Stack) -> Person:
    passwords = {login.username: login.password for login in stack.logins}
    return Person(stack.url, "administrator", passwords["administrator"], ["read", "operate", "admin"])


def signed_in(stack: Stack, name: str) -> httpx.Client:
    """A browser's session."""
    browser = httpx.Client(base_url=stack.url, timeout=30, follow_redirects=True)
    mark = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get("/sign-in/").text)
    password = next(login.password for login in stack.logins if login.username == name)
    form = {"username": name, "password": password, "csrfmiddlewaretoken": mark.group(1) if mark else ""}
    assert browser.post("/sign-in/", data=form, headers={"Referer": f"{stack.url}/sign-in/"}).is_success
    return browser


def kept(stack: Stack) -> dict[str, bytes]:
    """Every file of the console but those of the simulated clusters, and the database in words."""
    ours = [path for path in stack.state.root.rglob("*") if path.is_file()]
    found = {str(path): path.read_bytes() for path in ours if not path.is_relative_to(stack.state.simcluster)}
    return {**found, "database": stack.manage("dumpdata").encode()}


def test_the_token_of_a_cluster_is_kept_sent_and_shown_nowhere(
    stack: Stack, people: dict[str, Person], administrator: Person, token: str
) -> None:
    change = pending(people, "canary")
    approve(people, change)
    assert_applied_once(stack, people, change, "canary")
    control = Control(stack)
    control.revoke(USER)
    refused = administrator.http.post(f"/api/v1/clusters/{CLUSTER}/preflight/").text
    control.restore(USER)
    assert "credential" in refused
    places = {name: content.decode("latin-1") for name, content in kept(stack).items()}
    places["the refused preflight"] = refused
    places |= {path: administrator.http.get(f"/api/v1/{path}").text for path in REST}
    with closing(signed_in(stack, "administrator")) as browser:
        places |= {path: browser.get(path).raise_for_status().text for path in PAGES}
    assert sum(name.endswith(".log") for name in places) >= 5
    assert any("appendonly" in name for name in places), "the broker keeps a file"
    assert CLUSTER in places["database"]
    encoded = base64.b64encode(token.encode()).decode().rstrip("=")
    assert [name for name, text in places.items() if token in text or encoded in text] == []
