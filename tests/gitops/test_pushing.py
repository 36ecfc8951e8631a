"""Pushing a change to a bare repository: what arrives, that it arrives once, and what is never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.changes.actions.edit import edit
from apps.changes.actions.propose_yaml import patches_from
from apps.changes.actions.withdraw import withdraw
from apps.changes.models import ChangeSet
from apps.common.errors import PermissionDeniedError, WrongStateError
from apps.common.models import OutboxMessage
from apps.gitops import pushing
from apps.gitops.actions import remove_repository, request_push
from apps.gitops.models import Push, Repository
from apps.gitops.pushing import PUSH_TASK, push, send_waiting
from apps.gitops.remote import clone
from tests.factories.shop import HOME, NEW_ENTRY, Shop, decide, fresh
from tests.gitops.changes import everything
from tests.gitops.repositories import Bare, bare, registered

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "clusters/shop/speedscale/serviceentry-speedscale-sts.yaml"


@pytest.fixture
def origin(tmp_path: Path, settings: Settings) -> Bare:
    settings.MESHCONSOLE_GIT_ROOTS = [str(tmp_path / "git")]
    settings.MESHCONSOLE_URL = "https://console.example.com"
    return bare(tmp_path / "git" / "mesh.git")


@pytest.fixture
def repository(shop: Shop, origin: Bare) -> Repository:
    return registered(shop.omar, origin)


def die(*_: object, **__: object) -> None:
    raise SystemExit


def pushed(shop: Shop, change: ChangeSet, repository: Repository) -> Push:
    row = request_push(actor=shop.omar, change=fresh(change), repository=repository)
    done = push(row.pk)
    assert done is not None
    return done


def test_a_change_becomes_a_commit_on_a_branch_of_its_own(
    shop: Shop, origin: Bare, repository: Repository
) -> None:
    change = shop.proposed(NEW_ENTRY, reason="Replays need it.")
    main = origin.tip("main")
    done = pushed(shop, change, repository)
    assert (done.state, done.problem) == (Push.State.DONE, "")
    branch = f"meshconsole/cs-{change.pk}-r1"
    assert done.branch == branch
    assert origin.tip("main") == main
    assert origin.tip(branch) == done.commit
    commit = origin.commit(branch)
    assert [parent.decode() for parent in commit.parents] == [main]
    assert commit.author == b"meshconsole <meshconsole@localhost>"
    message = commit.message.decode()
    assert message.startswith(
        f"[not approved] {change.number}: Open the token service\n\n> Replays need it.\n"
    )
    assert f"Meshconsole-Link: https://console.example.com/changes/{change.pk}/\n" in message
    files = origin.files(branch)
    assert set(files) == {"README.md", PATH}
    assert yaml.safe_load(files[PATH]) == yaml.safe_load(NEW_ENTRY)
    assert fresh(change).state == "draft"
    assert "Pushed to branch" in change.events.order_by("-id")[0].text
    assert AuditEvent.objects.filter(action="change.push", outcome="done").count() == 1
    origin.check()


def test_a_message_that_comes_twice_pushes_once(shop: Shop, origin: Bare, repository: Repository) -> None:
    row = request_push(actor=shop.omar, change=shop.proposed(), repository=repository)
    assert request_push(actor=shop.omar, change=row.change, repository=repository).pk == row.pk
    assert OutboxMessage.objects.filter(task=PUSH_TASK).count() == 1
    first = push(row.pk)
    assert first is not None
    tip = origin.tip(row.branch)
    assert push(row.pk) is None
    assert origin.tip(row.branch) == tip


def test_a_worker_that_dies_after_the_push_leaves_nothing_to_mend(
    shop: Shop, origin: Bare, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = request_push(actor=shop.omar, change=shop.proposed(), repository=repository)

    with monkeypatch.context() as patched:
        patched.setattr(pushing, "_record", die)
        with pytest.raises(SystemExit):
            push(row.pk)
    tip = origin.tip(row.branch)
    assert tip
    assert push(row.pk) is None, "it is held"
    origin.write({"other.txt": "main moved on\n"})
    Push.objects.filter(pk=row.pk).update(busy_until="2020-01-01T00:00:00Z")
    assert send_waiting() == 1
    done = push(row.pk)
    assert done is not None
    assert (done.state, done.commit, origin.tip(row.branch)) == (Push.State.DONE, tip, tip)


def test_a_worker_that_dies_before_the_push_is_followed_by_one_that_pushes(
    shop: Shop, origin: Bare, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = request_push(actor=shop.omar, change=shop.proposed(), repository=repository)

    with monkeypatch.context() as patched:
        patched.setattr(pushing, "send", die)
        with pytest.raises(SystemExit):
            push(row.pk)
    assert origin.tip(row.branch) == ""
    origin.write({"README.md": "main moved on\n"})
    Push.objects.filter(pk=row.pk).update(busy_until="2020-01-01T00:00:00Z")
    done = push(row.pk)
    assert done is not None
    assert done.state == Push.State.DONE
    assert origin.files(row.branch)["README.md"] == "main moved on\n"


def test_after_the_approval_the_same_branch_goes_on(shop: Shop, origin: Bare, repository: Repository) -> None:
    change = shop.pending()
    draft = pushed(shop, change, repository)
    assert not draft.approved
    again = pushed(shop, change, repository)
    assert again.commit == draft.commit, "nothing new to say"
    decide(shop.sam, change)
    decide(shop.noor, change)
    done = pushed(shop, change, repository)
    assert done.approved
    commit = origin.commit(done.branch)
    assert [parent.decode() for parent in commit.parents] == [draft.commit]
    message = commit.message.decode()
    assert message.startswith(f"{change.number}: Open")
    assert "Approved-by: Noor\nApproved-by: Sam\n" in message
    assert done.files == [PATH]


def test_a_worker_that_dies_before_it_says_that_it_is_approved_is_followed(
    shop: Shop, origin: Bare, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.pending()
    draft = pushed(shop, change, repository)
    decide(shop.sam, change)
    decide(shop.noor, change)
    row = request_push(actor=shop.omar, change=fresh(change), repository=repository)

    with monkeypatch.context() as patched:
        patched.setattr(pushing, "send", die)
        with pytest.raises(SystemExit):
            push(row.pk)
    assert origin.tip(row.branch) == draft.commit
    Push.objects.filter(pk=row.pk).update(busy_until="2020-01-01T00:00:00Z")
    done = push(row.pk)
    assert done is not None
    assert done.commit == origin.tip(row.branch) != draft.commit
    assert origin.commit(row.branch).message.decode().startswith(change.number)


def test_commits_of_somebody_else_are_never_moved_over(
    shop: Shop, origin: Bare, repository: Repository
) -> None:
    change = shop.proposed()
    theirs = origin.write({"mine.txt": "x"}, f"meshconsole/cs-{change.pk}-r1")
    done = pushed(shop, change, repository)
    assert done.state == Push.State.FAILED
    assert "not of this push" in done.problem
    assert origin.tip(done.branch) == theirs
    assert fresh(change).events.order_by("-id")[0].kind == "push_failed"
    origin.delete(done.branch)
    assert pushed(shop, change, repository).state == Push.State.DONE


def test_a_branch_that_moves_in_the_last_moment_is_left_alone(
    shop: Shop, origin: Bare, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.proposed()
    branch = f"meshconsole/cs-{change.pk}-r1"

    def racing(*arguments: Any, **words: Any) -> None:
        origin.write({"mine.txt": "x"}, branch)
        clone.send(*arguments, **words)

    monkeypatch.setattr(pushing, "send", racing)
    done = pushed(shop, change, repository)
    assert done.state == Push.State.FAILED
    assert "moved in the moment" in done.problem
    assert origin.files(branch) == {"mine.txt": "x"}


def test_objects_are_changed_where_they_stand(shop: Shop, origin: Bare, repository: Repository) -> None:
    change = everything(shop)
    sidecar = yaml.safe_dump(next(i.base for i in change.revisions.get().items.all() if i.kind == "Sidecar"))
    home = yaml.safe_dump(next(i.base for i in change.revisions.get().items.all() if i.name == HOME))
    origin.write({"clusters/shop/all.yaml": f"# ours\n{sidecar}---\n{home}", "x/y.txt": "kept"})
    done = pushed(shop, change, repository)
    assert done.state == Push.State.DONE, done.problem
    files = origin.files(done.branch)
    assert set(files) == {"clusters/shop/all.yaml", PATH, "x/y.txt"}
    found = list(yaml.safe_load_all(files["clusters/shop/all.yaml"]))
    assert [one["kind"] for one in found] == ["Sidecar"]
    assert found[0]["spec"]["outboundTrafficPolicy"] == {"mode": "ALLOW_ANY"}
    assert files["clusters/shop/all.yaml"].startswith("# ours\n")
    origin.check()


def test_links_are_not_followed(shop: Shop, origin: Bare, repository: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    origin.write({"a": "b"}, links={"clusters": str(outside)})
    done = pushed(shop, shop.proposed(), repository)
    assert "clusters is no folder" in done.problem
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("case", ["branch", "gone", "root", "merged", "size", "damage"])
def test_what_goes_wrong_is_a_sentence(
    shop: Shop, origin: Bare, repository: Repository, case: str, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    change = shop.proposed()
    match case:
        case "branch":
            Repository.objects.update(branch="release")
        case "gone":
            origin.path.rename(origin.path.with_name("elsewhere.git"))
        case "root":
            settings.MESHCONSOLE_GIT_ROOTS = []
        case "merged":
            origin.write({"README.md": "x", PATH: NEW_ENTRY})
        case "size":
            monkeypatch.setattr(clone, "PACK_LIMIT", 10)
        case "damage":
            for path in (origin.path / "objects").rglob("*"):
                if path.is_file():
                    path.chmod(0o600)
                    path.write_bytes(b"\x00" * 64)
    done = pushed(shop, change, repository)
    assert done.state == Push.State.FAILED
    words = {
        "branch": "no branch «release»",
        "gone": "no bare Git repository",
        "root": "MESHCONSOLE_GIT_ROOTS",
        "merged": "says all of this already",
        "size": "larger than 64 MiB",
        "damage": "could not be used",
    }
    assert words[case] in done.problem
    assert str(origin.path) not in done.problem


def test_a_newer_revision_or_a_dead_change_is_not_pushed(
    shop: Shop, origin: Bare, repository: Repository
) -> None:
    change = shop.proposed()
    row = request_push(actor=shop.omar, change=change, repository=repository)
    edit(actor=shop.priya, change=fresh(change), title="Other",
         patches={shop.cluster: patches_from(NEW_ENTRY.replace("TLS", "HTTPS"), shop.cluster)})  # fmt: skip
    done = push(row.pk)
    assert done is not None
    assert "newer revision" in done.problem
    withdraw(actor=shop.priya, change=fresh(change))
    with pytest.raises(WrongStateError):
        request_push(actor=shop.omar, change=fresh(change), repository=repository)


def test_pushing_takes_the_right_to_apply(shop: Shop, repository: Repository) -> None:
    change = shop.proposed()
    for person in (shop.priya, shop.sam, shop.dev):
        with pytest.raises(PermissionDeniedError):
            request_push(actor=person, change=change, repository=repository)
    assert not Push.objects.exists()


def test_what_was_pushed_stays_known_when_the_repository_is_removed(
    shop: Shop, repository: Repository
) -> None:
    done = pushed(shop, shop.proposed(), repository)
    remove_repository(actor=shop.omar, repository=repository)
    done.refresh_from_db()
    assert (done.repository, done.repository_name, done.state) == (None, "mesh-config", Push.State.DONE)


def test_a_push_that_kills_every_worker_is_given_up(shop: Shop, repository: Repository) -> None:
    row = request_push(actor=shop.omar, change=shop.proposed(), repository=repository)
    Push.objects.filter(pk=row.pk).update(tries=3)
    done = push(row.pk)
    assert done is not None
    assert "3 workers began it" in done.problem
