"""Bare repositories for tests, made and read with Dulwich; `git`, where there is one, checks them too."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from apps.accounts.models import User
from apps.gitops.actions import make_repository
from apps.gitops.models import Repository

GIT = shutil.which("git")


@dataclass(slots=True)
class Bare:
    """A bare repository on disk."""

    path: Path

    def tip(self, branch: str) -> str:
        with Repo(str(self.path)) as repo:
            found = repo.get_refs().get(Ref(f"refs/heads/{branch}".encode()))
        return found.decode() if found else ""

    def commit(self, branch: str) -> Commit:
        with Repo(str(self.path)) as repo:
            found = repo[ObjectID(self.tip(branch).encode())]
        assert isinstance(found, Commit)
        return found

    def files(self, branch: str) -> dict[str, str]:
        """What the branch holds, by path."""
        found = {}
        with Repo(str(self.path)) as repo:
            for entry in repo.object_store.iter_tree_contents(self.commit(branch).tree):
                assert entry.path is not None
                assert entry.sha is not None
                blob = repo[entry.sha]
                found[entry.path.decode()] = blob.as_raw_string().decode()
        return found

    def write(
        self, files: dict[str, str], branch: str = "main", *, links: dict[str, str] | None = None
    ) -> str:
        """A commit of exactly these files, by somebody else."""
        with Repo(str(self.path)) as repo:
            entries = []
            for mode, some in ((0o100644, files), (0o120000, links or {})):
                for path, text in some.items():
                    blob = Blob.from_string(text.encode())
                    repo.object_store.add_object(blob)
                    entries.append((path.encode(), blob.id, mode))
            commit = Commit()
            commit.tree = commit_tree(repo.object_store, entries)
            before = self.tip(branch)
            commit.parents = [ObjectID(before.encode())] if before else []
            commit.author = commit.committer = b"Dev <dev@example.com>"
            commit.author_time = commit.commit_time = 1_700_000_000
            commit.author_timezone = commit.commit_timezone = 0
            commit.message = b"By hand\n"
            repo.object_store.add_object(commit)
            repo.refs[Ref(f"refs/heads/{branch}".encode())] = commit.id
            return commit.id.decode()

    def delete(self, branch: str) -> None:
        with Repo(str(self.path)) as repo:
            repo.refs.remove_if_equals(Ref(f"refs/heads/{branch}".encode()), None)

    def check(self) -> None:
        """Git itself finds nothing wrong with it."""
        if GIT is not None:
            done = subprocess.run(
                [GIT, "-C", str(self.path), "fsck", "--strict"], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def bare(path: Path, files: dict[str, str] | None = None) -> Bare:
    """A new one, with a branch main."""
    path.mkdir(parents=True)
    Repo.init_bare(str(path), default_branch=b"main").close()
    made = Bare(path)
    made.write(files or {"README.md": "Objects of the mesh.\n"})
    return made


def registered(actor: User, origin: Bare, **words: str) -> Repository:
    """The console's row for a local repository; its folder has to be allowed."""
    return make_repository(**{"actor": actor, "name": "mesh-config", "url": f"file://{origin.path}", **words})  # type: ignore[arg-type]
