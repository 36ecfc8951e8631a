"""Exports and pushes on the page of a change, and the pages of repositories."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.changes.actions.propose import propose
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.gitops.models import Push, Repository
from apps.gitops.pushing import push
from apps.mesh.patches import updated
from tests.factories.people import person
from tests.gitops.repositories import Bare, bare, registered
from tests.gitops.test_ssh import KEY

As = Callable[[User], Client]


@pytest.fixture
def origin(tmp_path: Path, settings: Settings) -> Bare:
    settings.MESHCONSOLE_GIT_ROOTS = [str(tmp_path)]
    return bare(tmp_path / "mesh.git")


@pytest.fixture
def dora(db: None) -> User:
    return person("dora")


@pytest.fixture
def repository(origin: Bare, dora: User) -> Repository:
    return registered(dora, origin)


def page(client: Client, change: ChangeSet) -> str:
    return client.get(f"/changes/{change.pk}/").content.decode()


@pytest.mark.parametrize(
    ("form", "name", "kind"),
    [
        ("yaml", "-shop.yaml", "application/yaml"),
        ("whole", "-shop-whole.yaml", "application/yaml"),
        ("kustomize", "-kustomize.zip", "application/zip"),
        ("kubectl", ".sh", "text/x-shellscript"),
    ],
)
def test_every_link_of_the_page_gives_a_file(
    draft: ChangeSet, victor: User, as_: As, form: str, name: str, kind: str
) -> None:
    client = as_(victor)
    assert f'href="/changes/{draft.pk}/export/?as={form}"' in page(client, draft)
    answer = client.get(f"/changes/{draft.pk}/export/", {"as": form})
    assert answer.status_code == 200
    assert answer["Content-Type"] == kind
    assert answer["Content-Disposition"] == f'attachment; filename="cs-{draft.pk}-r1{name}"'
    if kind != "application/zip":
        assert "NOT APPROVED (Draft)" in answer.content.decode()


def test_yaml_of_several_clusters_is_a_file_for_each(
    draft: ChangeSet, shop: Cluster, victor: User, as_: As
) -> None:
    other = Cluster.objects.create(name="lab", environment="lab", server="https://192.0.2.1", ca_pem="")
    item = draft.revisions.get().items.get()
    item.pk, item.position, item.cluster = None, 2, other
    item.save(force_insert=True)
    client = as_(victor)
    answer = client.get(f"/changes/{draft.pk}/export/")
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
    assert names == [f"cs-{draft.pk}-r1/lab.yaml", f"cs-{draft.pk}-r1/shop.yaml"]
    alone = client.get(f"/changes/{draft.pk}/export/", {"cluster": "lab"})
    assert alone["Content-Type"] == "application/yaml"
    assert client.get(f"/changes/{draft.pk}/export/", {"cluster": "nowhere"}).status_code == 400
    assert client.get(f"/changes/{draft.pk}/export/", {"as": "helm"}).status_code == 400


def test_an_operator_pushes_and_sees_where_it_went(
    draft: ChangeSet, origin: Bare, repository: Repository, charlie: User, as_: As
) -> None:
    client = as_(charlie)
    assert "Push branch" in page(client, draft)
    done = client.post(f"/changes/{draft.pk}/push/", {"repository": repository.pk}, follow=True)
    assert f"A worker pushes the branch meshconsole/cs-{draft.pk}-r1" in done.content.decode()
    row = Push.objects.get()
    part = client.get(f"/changes/{draft.pk}/pushes/").content.decode()
    assert "Waiting" in part
    assert "hx-get" in part
    push(row.pk)
    row.refresh_from_db()
    part = client.get(f"/changes/{draft.pk}/pushes/").content.decode()
    assert row.commit[:12] in part
    assert "not approved" in part
    assert "hx-get" not in part, "nothing is under way any more"
    assert origin.tip(row.branch) == row.commit
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_who_may_not_apply_is_told_so_and_cannot_push(
    draft: ChangeSet, repository: Repository, alice: User, as_: As
) -> None:
    client = as_(alice)
    text = page(client, draft)
    assert "Push branch" not in text
    assert "takes the right to apply" in text
    assert client.post(f"/changes/{draft.pk}/push/", {"repository": repository.pk}).status_code == 403
    assert not Push.objects.exists()


def test_without_a_repository_an_administrator_is_shown_the_way(
    draft: ChangeSet, charlie: User, as_: As
) -> None:
    assert "No Git repository is known" in page(as_(charlie), draft)
    odd = as_(charlie).post(f"/changes/{draft.pk}/push/", {"repository": "x"}, follow=True)
    assert "Choose a repository" in odd.content.decode()


def test_what_a_tool_keeps_is_offered_to_git_first(
    shop: Cluster, repository: Repository, alice: User, charlie: User, as_: As
) -> None:
    before = {
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "default", "namespace": "payments",
                     "labels": {"argocd.argoproj.io/instance": "egress-config"}},
        "spec": {"egress": [{"hosts": ["./*", "istio-system/*"]}]},
    }  # fmt: skip
    after = {**before, "spec": {"egress": [{"hosts": ["./*", "istio-system/*", "speedscale/*"]}]}}
    change = propose(actor=alice, title="Import", reason="", patches={shop: [updated(before, after)]})
    text = page(as_(charlie), change)
    assert "Another tool keeps what this change writes" in text
    assert "<b>Argo CD</b> (egress-config) keeps" in text
    assert "Push or export" in text
    assert text.index('id="export"') < text.index('id="timeline"')


def test_a_repository_is_made_tested_changed_and_removed(origin: Bare, dora: User, as_: As) -> None:
    client = as_(dora)
    typed = {
        "name": "mesh-config", "url": f"file://{origin.path}", "branch": "main", "layout": "plain",
        "path_template": "clusters/{cluster}/{kind}-{name}.yaml", "known_hosts": "", "private_key": "",
    }  # fmt: skip
    answer = client.post("/repositories/new/", typed, follow=True)
    assert "mesh-config is kept" in answer.content.decode()
    made = Repository.objects.get()
    said = client.post(f"/repositories/{made.pk}/test/", follow=True).content.decode()
    assert "It answers and has the branch main" in said
    client.post(f"/repositories/{made.pk}/", {**typed, "branch": "release"})
    said = client.post(f"/repositories/{made.pk}/test/", follow=True).content.decode()
    assert "has no branch «release»" in said
    assert "mesh-config" in client.get("/repositories/").content.decode()
    client.post(f"/repositories/{made.pk}/remove/")
    assert not Repository.objects.exists()
    done = list(AuditEvent.objects.filter(action__startswith="repository.").values_list("action", flat=True))
    assert sorted(set(done)) == ["repository.edit", "repository.make", "repository.remove", "repository.test"]


def test_a_refused_form_keeps_what_was_typed_but_the_key(dora: User, as_: As) -> None:
    typed = {
        "name": "mesh", "url": "ssh://git@git.example.com/x.git", "branch": "main", "layout": "plain",
        "path_template": "x/{name}.yaml", "known_hosts": "nonsense", "private_key": KEY,
    }  # fmt: skip
    answer = as_(dora).post("/repositories/new/", typed)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "A line of known_hosts reads" in text
    assert "ssh://git@git.example.com/x.git" in text
    assert KEY.splitlines()[2] not in text


def test_only_administrators_keep_repositories(repository: Repository, charlie: User, as_: As) -> None:
    client = as_(charlie)
    for path in ("/repositories/", "/repositories/new/", f"/repositories/{repository.pk}/"):
        assert client.get(path).status_code == 403
    assert client.post(f"/repositories/{repository.pk}/remove/").status_code == 403


def test_many_pushes_and_repositories_cost_no_more_queries(
    draft: ChangeSet, repository: Repository, charlie: User, as_: As
) -> None:
    client = as_(charlie)
    page(client, draft)
    with CaptureQueriesContext(connection) as few:
        page(client, draft)
    revision = draft.revisions.get()
    for number in range(4):
        row = Repository.objects.create(name=f"r{number}", url="file:///x", branch="main", path_template="x")
        Push.objects.create(
            repository=row, repository_name=row.name, change=draft, revision=revision, branch="b",
            requested_by=charlie, requested_at=draft.created_at,
        )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        page(client, draft)
    assert len(many) == len(few)
