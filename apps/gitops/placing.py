"""What a change does to the files of a repository. Pure: knows files by path, not Git.

An object that the repository holds is changed where it stands: only what the change changes, laid over what
the repository says. What it says otherwise in such a place is a conflict and nothing is guessed. An object
that it does not hold becomes a file, or a document at the end of one, where the template says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.changes.intents import IntentError, laid_over
from apps.gitops import layout, yamledit
from apps.gitops.exported import Exported, ExportedItem
from apps.mesh.ownership import keeper_of
from apps.mesh.refs import ResourceRef
from apps.mesh.yamlwriter import to_yaml

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
NEW_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
FILE_LIMIT = 1024 * 1024  # bytes of one file that is looked into
TOTAL_LIMIT = 128 * 1024 * 1024  # of all of them
FILES_LIMIT = 50_000


class PlacingError(Exception):
    """The change cannot be laid into this repository; the message is a sentence for people."""


@dataclass(slots=True)
class Files:
    """The files of a repository: `known` says of each path whether a regular file is there (or else a link
    or a submodule); `read` gives the bytes of one. `changed` is laid over them."""

    known: Mapping[str, bool]
    read: Callable[[str], bytes]
    changed: dict[str, str | None] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """What a file says now, None when there is none. Raises PlacingError for what is no text file."""
        if path in self.changed:
            return self.changed[path]
        if path not in self.known:
            return None
        body = self.read(path) if self.known[path] else None
        if body is None or len(body) > FILE_LIMIT:
            raise PlacingError(f"{path} is no file that can be changed: a link, a submodule, or too large.")
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise PlacingError(f"{path} is no text in UTF-8.") from None


@dataclass(frozen=True, slots=True)
class Placed:
    """New texts by path (None: the file goes), and what a reviewer should know."""

    files: Mapping[str, str | None]
    notes: tuple[str, ...]


def placed(exported: Exported, files: Files, *, template: str, kustomize: bool) -> Placed:
    """Lays the change into the repository. `kustomize`: a new file is named in the kustomization beside it.
    Raises PlacingError."""
    work = _Work(
        files, template, kustomize, _candidates(files, {(item.kind, item.name) for item in exported.items})
    )
    try:
        for item in exported.items:
            work.place(item)
    except (layout.LayoutError, yamledit.EditError) as error:
        raise PlacingError(str(error)) from error
    same = [path for path, text in files.changed.items() if text == _before(files, path)]
    changed = {path: text for path, text in sorted(files.changed.items()) if path not in same}
    return Placed(changed, tuple(dict.fromkeys(work.notes)))


def _before(files: Files, path: str) -> str | None:
    return Files(files.known, files.read).text(path)


def _candidates(files: Files, objects: Iterable[tuple[str, str]]) -> list[str]:
    """The YAML files that mention the kind and the name of one of the objects."""
    wanted, total, found = [(kind.encode(), name.encode()) for kind, name in objects], 0, []
    if len(files.known) > FILES_LIMIT:
        raise PlacingError(f"The repository holds more than {FILES_LIMIT:,} files.")
    for path, regular in sorted(files.known.items()):
        if not regular or not path.endswith(layout.YAML_SUFFIXES):
            continue
        body = files.read(path)
        total += len(body)
        if total > TOTAL_LIMIT:
            raise PlacingError("The repository holds more YAML than is looked into (128 MiB).")
        if len(body) <= FILE_LIMIT and any(kind in body and name in body for kind, name in wanted):
            found.append(path)
    return found


@dataclass(slots=True)
class _Work:
    files: Files
    template: str
    kustomize: bool
    candidates: list[str]
    notes: list[str] = field(default_factory=list)
    index: dict[str, tuple[str, list[tuple[str, ResourceRef]]]] = field(default_factory=dict)

    def place(self, item: ExportedItem) -> None:
        hits = self._find(item)
        if len(hits) > 1:
            where = ", ".join(path for path, _ in hits[:5])
            raise PlacingError(
                f"{item.ref} stands in several places ({where}); which one is {item.cluster}'s is not known."
            )
        if item.desired is None:
            self._delete(item, hits)
        elif hits:
            self._change(item, item.desired, *hits[0])
        else:
            self._create(item, item.desired)

    def _find(self, item: ExportedItem) -> list[tuple[str, int]]:
        """File and number of each document that is this object, among those of its cluster."""
        scope = layout.scope_of(self.template, item)
        wanted = (item.api_version.rpartition("/")[0], item.ref)
        return [
            (path, at)
            for path in sorted({*self.candidates, *self.files.changed})
            if path.startswith(scope)
            for at, one in enumerate(self._objects(path))
            if one == wanted
        ]

    def _objects(self, path: str) -> list[tuple[str, ResourceRef]]:
        """API group and object of each document of a file, as it is now."""
        text = self.files.text(path) or ""
        if path not in self.index or self.index[path][0] != text:
            try:
                found = [_identity(one.value) for one in yamledit.documents(text)]
            except yamledit.EditError:
                self.notes.append(f"{path} cannot be read as YAML; it was left alone.")
                found = []
            self.index[path] = (text, found)
        return self.index[path][1]

    def _change(self, item: ExportedItem, desired: Mapping[str, Any], path: str, at: int) -> None:
        text = self.files.text(path) or ""
        now = yamledit.documents(text)[at].value
        goal = desired if item.base is None else _laid_over(now, item.base, desired)
        if isinstance(goal, str):
            raise PlacingError(
                f"{path} does not say what {item.cluster} says of {item.ref}: {goal} "
                "Bring the two together first."
            )
        self.files.changed[path] = yamledit.edited(text, at, goal)

    def _create(self, item: ExportedItem, desired: Mapping[str, Any]) -> None:
        keeper = keeper_of(item.base) if item.base is not None else None
        if keeper is not None:
            where = layout.scope_of(self.template, item) or "it"
            raise PlacingError(
                f"{item.ref} on {item.cluster} is kept by {keeper.tool}, and nothing in {where} of this "
                "repository holds it: choose the repository that does."
            )
        if item.base is not None:
            self.notes.append(
                f"{item.ref} was not found: it is added whole, as {item.cluster} has it with the change."
            )
        path = layout.path_of(self.template, item)
        self._check_folder(path)
        text = self.files.text(path)
        self.files.changed[path] = to_yaml(desired) if text is None else yamledit.appended(text, desired)
        if text is None and self.kustomize:
            self._list(path)

    def _check_folder(self, path: str) -> None:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in self.files.known and self.files.changed.get(folder, "") is not None:
                raise PlacingError(f"{folder} is no folder in the repository, so {path} cannot be made.")
        if any(known.startswith(f"{path}/") for known in self.files.known):
            raise PlacingError(f"{path} is a folder in the repository.")

    def _delete(self, item: ExportedItem, hits: list[tuple[str, int]]) -> None:
        if not hits:
            self.notes.append(
                f"{item.ref} is to be deleted from {item.cluster}, and the repository has none."
            )
            return
        path, at = hits[0]
        after = yamledit.removed(self.files.text(path) or "", at)
        self.files.changed[path] = after
        if after is None:
            self._unlist(path)

    def _list(self, path: str) -> None:
        folder, name = _split(path)
        found = self._kustomization(folder)
        if found is None:
            beside = f"{folder}{KUSTOMIZATIONS[0]}"
            self.files.changed[beside] = to_yaml({**NEW_KUSTOMIZATION, "resources": [name]})
            self.notes.append(f"{beside} is new: name its folder where your kustomizations begin.")
            return
        beside, text, value = found
        resources = list(value.get("resources") or ())
        if name not in resources:
            self.files.changed[beside] = yamledit.edited(text, 0, {**value, "resources": [*resources, name]})

    def _unlist(self, path: str) -> None:
        folder, name = _split(path)
        found = self._kustomization(folder)
        if found is None:
            return
        beside, text, value = found
        resources = list(value.get("resources") or ())
        kept = [one for one in resources if one not in (name, f"./{name}")]
        if kept != resources:
            self.files.changed[beside] = yamledit.edited(text, 0, {**value, "resources": kept})

    def _kustomization(self, folder: str) -> tuple[str, str, dict[str, Any]] | None:
        """Path, text and value of the kustomization in a folder ("" or with a slash at its end)."""
        for name in KUSTOMIZATIONS:
            text = self.files.text(folder + name)
            if text is None:
                continue
            documents = yamledit.documents(text)
            if len(documents) != 1 or not isinstance(documents[0].value, dict):
                raise PlacingError(f"{folder + name} is no single kustomization.")
            return folder + name, text, documents[0].value
        return None


def _laid_over(now: Any, base: Mapping[str, Any], desired: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """`now` with the change; itself where it says the change already; a sentence where it says neither."""
    try:
        return laid_over(now, base, desired)
    except IntentError as error:
        try:
            laid_over(now, desired, base)
        except IntentError:
            return str(error)
        return dict(now)


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _identity(value: Any) -> tuple[str, ResourceRef]:
    manifest = value if isinstance(value, Mapping) else {}
    return str(manifest.get("apiVersion") or "").rpartition("/")[0], ResourceRef.of(manifest)
