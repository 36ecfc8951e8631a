"""Registering a cluster in the browser: what is refused stands beside its field, secrets never come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import User
from apps.clusters import actions
from apps.clusters.gateway import Identity, ServerVersion
from apps.clusters.models import Cluster
from apps.clusters.preflight import PermissionRow, Preflight
from tests.factories.certificates import ca_pem
from tests.factories.people import person

As = Callable[[User], Client]
PLACE = {"name": "edge-1", "environment": "lab", "region": "eu", "owner_team": "edge"}
SECRET = "eyJ-canary-0123456789"
KUBECONFIG = f"""apiVersion: v1
kind: Config
current-context: a
contexts: [{{name: a, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:1", certificate-authority-data: "AAAA"}}}}]
users: [{{name: u, user: {{token: {SECRET}}}}}]
"""
EXEC = KUBECONFIG.replace(f"token: {SECRET}", "exec: {command: /bin/sh}")
BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"


def send(client: Client, way: str, **fields: object) -> tuple[int, str]:
    answer = client.post(f"/clusters/register/?way={way}", {**PLACE, "way": way, **fields})
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize(
    ("kubeconfig", "sentence"),
    [
        (EXEC, "would run a program on this server"),
        (BOMB, "anchors or aliases"),
        ("[", "not valid YAML"),
        ("x" * 70_000, "larger than 64 KiB"),
        ("", "Paste a kubeconfig, or choose its file."),
    ],
)
def test_a_kubeconfig_that_is_refused_says_why_and_what_to_do(
    kubeconfig: str, sentence: str, charlie: User, as_: As
) -> None:
    status, text = send(as_(charlie), "kubeconfig", kubeconfig=kubeconfig)
    assert status == 400
    assert sentence in text
    assert 'aria-invalid="true"' in text
    assert 'value="edge-1"' in text
    assert not Cluster.objects.exists()


def test_a_secret_never_comes_back(charlie: User, as_: As) -> None:
    status, text = send(as_(charlie), "kubeconfig", kubeconfig=KUBECONFIG, name="Not A Name")
    assert status == 400
    assert SECRET not in text
    status, text = send(
        as_(charlie), "direct", server="http://x", ca_pem=ca_pem(), token=SECRET, tls_server_name=""
    )
    assert status == 400
    assert SECRET not in text
    assert "must begin with https://" in text
    assert "BEGIN CERTIFICATE" in text


def test_a_file_is_read_like_a_paste(charlie: User, as_: As) -> None:
    upload = SimpleUploadedFile("config", EXEC.encode())
    status, text = send(as_(charlie), "kubeconfig", kubeconfig="", upload=upload)
    assert status == 400
    assert "would run a program" in text


def test_a_file_that_is_no_text_is_refused(charlie: User, as_: As) -> None:
    upload = SimpleUploadedFile("config", b"\xff\xfe\x00")
    status, text = send(as_(charlie), "kubeconfig", kubeconfig="", upload=upload)
    assert status == 400
    assert "The file is not text." in text


def test_a_cluster_that_does_not_answer_is_not_kept(charlie: User, as_: As) -> None:
    status, text = send(
        as_(charlie),
        "direct",
        server="https://127.0.0.1:1",
        ca_pem=ca_pem(),
        token=SECRET,
        tls_server_name="",
    )
    assert status == 400
    assert 'id="id_server_error"' in text
    assert not Cluster.objects.exists()


def test_who_may_not_register_is_told_so(victor: User, as_: As) -> None:
    answer = as_(victor).get("/clusters/register/")
    assert answer.status_code == 403
    assert "do not let you register clusters" in answer.content.decode()


def test_the_roles_to_grant_are_there_to_copy(charlie: User, as_: As) -> None:
    text = as_(charlie).get("/clusters/register/").content.decode()
    assert "meshconsole-read" in text
    assert "meshconsole-apply" in text
    assert 'data-copy="read-role"' in text


def test_an_operator_pauses_resumes_and_removes(shop: Cluster, charlie: User, as_: As) -> None:
    client = as_(charlie)
    assert "is paused" in client.post("/clusters/shop/pause/", follow=True).content.decode()
    shop.refresh_from_db()
    assert shop.paused
    refused = client.post("/clusters/shop/refresh/")
    assert refused.status_code == 409
    client.post("/clusters/shop/pause/", {"to": "resume"})
    wrong = client.post("/clusters/shop/remove/", {"confirm": "other"}, follow=True)
    assert "type shop to confirm" in wrong.content.decode()
    gone = client.post("/clusters/shop/remove/", {"confirm": "shop"}, follow=True)
    assert "shop is removed" in gone.content.decode()
    assert not Cluster.objects.exists()


def test_somebody_who_only_looks_operates_nothing(shop: Cluster, victor: User, as_: As) -> None:
    client = as_(victor)
    for action in ("pause", "remove", "recheck", "credential"):
        answer = client.post(f"/clusters/shop/{action}/", {"confirm": "shop", "token": "t" * 20})
        assert answer.status_code == 403, action
    assert "Pause cluster" not in client.get("/clusters/shop/connection/").content.decode()


def test_an_operator_of_one_environment_registers_there_only(db: None, as_: As) -> None:
    operator = person("oscar", "operator", environment="lab")
    assert as_(operator).get("/clusters/register/").status_code == 200
    answer = as_(operator).post(
        "/clusters/register/?way=kubeconfig",
        {**PLACE, "environment": "production", "way": "kubeconfig", "kubeconfig": KUBECONFIG},
    )
    assert answer.status_code == 403


def test_the_preflight_is_shown_once_after_it_was_asked_for(
    shop: Cluster, charlie: User, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (
        PermissionRow("", "pods", "list", "read", False, True, "The console cannot see pods: why."),
        PermissionRow("", "services", "list", "read", True, True, "The console can see services."),
    )
    found = Preflight(ServerVersion("v1.32.9", "1", "32"), Identity("reader"), {"": ("v1",)}, rows)
    monkeypatch.setattr(actions, "recheck", lambda **_: found)
    client = as_(charlie)
    first = client.post("/clusters/shop/recheck/", follow=True).content.decode()
    assert "Answered just now as reader" in first
    assert first.index("cannot see pods") < first.index("can see services")
    assert "Answered just now" not in client.get("/clusters/shop/connection/").content.decode()


def test_a_cluster_that_gives_no_answer_to_the_check_says_why(shop: Cluster, charlie: User, as_: As) -> None:
    answer = as_(charlie).post("/clusters/shop/recheck/", follow=True)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="alert"' in text
    assert "Answered just now" not in text
