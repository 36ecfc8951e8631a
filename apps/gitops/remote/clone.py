"""A shallow copy of two branches, in a temporary folder, without a work tree: only Git's objects.

Nothing of the repository becomes a file with a name of its own: links, submodules, attributes and hooks in
it have no effect. What comes is bounded in size and time.
"""

from __future__ import annotations

import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dulwich.client import GitClient
from dulwich.config import StackedConfig
from dulwich.objects import ZERO_SHA, Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import UnpackedObject, pack_objects_to_data
from dulwich.refs import Ref
from dulwich.repo import Repo

from apps.gitops.remote.failures import RemoteError
from apps.gitops.remote.packs import measure

PACK_LIMIT = 64 * 1024 * 1024
FILES_LIMIT = 50_000
DEPTH_LIMIT = 64
FOLDER, FILE = 0o040000, 0o100644
MOVED = "The branch moved in the moment of pushing. Push once more."


@dataclass(slots=True)
class Clone:
    """`refs` are all names that the repository showed; `made` the objects that it does not have yet."""

    repo: Repo
    refs: Mapping[Ref, ObjectID]
    made: list[ShaFile] = field(default_factory=list)

    def tip(self, branch: str) -> str:
        """The commit of a branch, "" when there is no such branch."""
        found = self.refs.get(_ref(branch))
        return "" if found is None else found.decode()

    def files(self, commit: str) -> Mapping[str, tuple[bool, ObjectID]]:
        """Every path of a commit: whether it is a regular file, and its object."""
        found: dict[str, tuple[bool, ObjectID]] = {}
        self._list(self._tree_of(commit), "", found, 0)
        return found

    def read(self, blob: ObjectID) -> bytes:
        """The bytes of a file."""
        found = self.repo.object_store[blob]
        if not isinstance(found, Blob):
            raise RemoteError("The repository is damaged: a file is no file.")
        return found.data

    def commit(
        self, parent: str, changes: Mapping[str, str | None], *, author: str, at: int, message: str
    ) -> str:
        """A commit on `parent` with files written or (None) taken away. The same arguments make the same."""
        root = self._rewritten(self._tree_of(parent), changes)
        if root is None:
            root = self._kept(Tree())
        commit = Commit()
        commit.tree, commit.parents = root, [ObjectID(parent.encode())]
        commit.author = commit.committer = author.encode()
        commit.author_time = commit.commit_time = at
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = message.encode()
        return self._kept(commit).decode()

    def _tree_of(self, commit: str) -> ObjectID:
        found = self.repo.object_store[ObjectID(commit.encode())]
        if not isinstance(found, Commit):
            raise RemoteError("The branch does not lead to a commit.")
        tree: ObjectID = found.tree
        return tree

    def _tree(self, tree: ObjectID) -> Tree:
        found = self.repo.object_store[tree]
        if not isinstance(found, Tree):
            raise RemoteError("The repository is damaged: a folder is no folder.")
        return found

    def _list(self, tree: ObjectID, prefix: str, found: dict[str, tuple[bool, ObjectID]], depth: int) -> None:
        if depth > DEPTH_LIMIT or len(found) > FILES_LIMIT:
            raise RemoteError(f"The repository has more than {FILES_LIMIT:,} files, or too deep folders.")
        for name, mode, sha in self._tree(tree).items():
            text = name.decode("utf-8", "replace")
            path, odd = prefix + text, "/" in text or text.encode() != name
            if stat.S_ISDIR(mode) and not odd:
                self._list(sha, f"{path}/", found, depth + 1)
            else:
                found[path] = (stat.S_ISREG(mode) and not odd, sha)

    def _rewritten(self, tree: ObjectID | None, changes: Mapping[str, str | None]) -> ObjectID | None:
        """The tree with the changes; None when nothing is left in it."""
        made = Tree() if tree is None else Tree.from_string(self._tree(tree).as_raw_string())
        below: dict[str, dict[str, str | None]] = {}
        for path, text in changes.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = text
            elif text is None:
                del made[name.encode()]
            else:
                mode, _ = _entry(made, name)
                made.add(name.encode(), mode or FILE, self._kept(Blob.from_string(text.encode())))
        for name, some in below.items():
            mode, old = _entry(made, name)
            inner = self._rewritten(old if stat.S_ISDIR(mode) else None, some)
            if inner is not None:
                made.add(name.encode(), FOLDER, inner)
            elif mode:
                del made[name.encode()]
        return self._kept(made) if len(made) else None

    def _kept(self, made: ShaFile) -> ObjectID:
        if made.id not in self.repo.object_store:
            self.made.append(made)
        return made.id


@contextmanager
def cloned(client: GitClient, path: bytes, branches: Sequence[str], *, deadline: float) -> Iterator[Clone]:
    """Fetches the newest commit of each branch that is there. Raises RemoteError and Dulwich's errors."""
    wanted = [_ref(branch) for branch in branches]
    with tempfile.TemporaryDirectory(prefix="meshconsole-git-") as folder:
        repo = Repo.init_bare(folder, config=StackedConfig([]), default_branch=b"main")
        try:
            pack, keep, drop = repo.object_store.add_pack()
            received = 0

            def write(data: bytes) -> int:
                nonlocal received
                received += len(data)
                if received > PACK_LIMIT:
                    raise RemoteError("The repository is larger than 64 MiB without its history.")
                if time.monotonic() > deadline:
                    raise RemoteError("The repository took too long; nothing was pushed.")
                return pack.write(data)

            try:
                got = client.fetch_pack(
                    path,
                    lambda refs, depth=None: [refs[ref] for ref in wanted if ref in refs],
                    repo.get_graph_walker(),
                    write,
                    depth=1,
                )
                pack.seek(0)
                measure(pack.read())
            except BaseException:
                drop()
                raise
            keep()
            repo.update_shallow(got.new_shallow, got.new_unshallow)
            yield Clone(repo, {ref: sha for ref, sha in got.refs.items() if sha is not None})
        finally:
            repo.close()


def send(client: GitClient, path: bytes, clone: Clone, branch: str, *, commit: str, expected: str) -> None:
    """Sets the branch to a commit that was made, if it is still at `expected` ("" for: not there). Raises
    RemoteError, also with what the repository says against it."""
    ref, new = _ref(branch), ObjectID(commit.encode())

    def update(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
        if refs.get(ref, ZERO_SHA) != (expected.encode() or ZERO_SHA):
            raise RemoteError(MOVED)
        return {ref: new}

    def pack(*ignored: object, **ignored_too: object) -> tuple[int, Iterator[UnpackedObject]]:
        return pack_objects_to_data(clone.made)

    result = client.send_pack(path, update, pack)
    refused = (result.ref_status or {}).get(ref)
    if refused:
        raise RemoteError(f"The repository refuses the branch: {_short(refused)}")


def branches(client: GitClient, path: bytes) -> list[str]:
    """The names of all branches."""
    found = client.get_refs(path).refs
    return sorted(
        ref.removeprefix(b"refs/heads/").decode("utf-8", "replace")
        for ref in found
        if ref.startswith(b"refs/heads/")
    )


def _entry(tree: Tree, name: str) -> tuple[int, ObjectID | None]:
    """Mode and object of an entry; (0, None) when there is none."""
    try:
        return tree[name.encode()]
    except KeyError:
        return 0, None


def _ref(branch: str) -> Ref:
    return Ref(f"refs/heads/{branch}".encode())


def _short(said: object) -> str:
    return " ".join(str(said).split())[:200]
