"""YAML files → manifests, with the file and line of any field path, and hard limits on what is read.

What is wrong with a file is a value. Knows nothing of kinds but whether they have a namespace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from apps.mesh.parsing.registry import CLUSTER_SCOPED, READERS
from apps.mesh.parsing.yamltext import (
    PASTED,
    Limits,
    YamlProblem,
    child,
    documents,
    nodes_of,
    place_at,
    separated,
    too_big,
)
from apps.mesh.refs import ResourceRef

YAML_SUFFIXES = (".yaml", ".yml", ".json")
_NAMESPACED = frozenset({"Pod", *(kind for _, kind in READERS)}) - CLUSTER_SCOPED


@dataclass(frozen=True, slots=True)
class FileProblem:
    """`line` starts at 1; 0 when the whole file is meant."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class SourceDocument:
    """A manifest and where its fields stand. `above` is the number of lines before what its node counts."""

    manifest: Mapping[str, Any]
    file: str
    node: yaml.Node = field(repr=False)
    above: int = 0

    @property
    def ref(self) -> ResourceRef:
        return ResourceRef.of(self.manifest)

    def line(self, path: str = "") -> int:
        """The line (from 1) of the field `spec.egress[0].hosts`, or of its nearest parent."""
        return self.place(path)[0]

    def place(self, path: str = "") -> tuple[int, int]:
        """Line and column (from 1) of a field's key or of a list's item, or of its nearest parent."""
        line, column = place_at(self.node, path)
        return self.above + line, column


@dataclass(frozen=True, slots=True)
class Loaded:
    documents: tuple[SourceDocument, ...] = ()
    problems: tuple[FileProblem, ...] = ()

    @property
    def manifests(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(document.manifest for document in self.documents)

    def locate(self, ref: ResourceRef, path: str = "") -> tuple[str, int]:
        """File and line of a field of an object; ("", 0) when it is not here. The last one counts."""
        for document in reversed(self.documents):
            if document.ref == ref:
                return document.file, document.line(path)
        return "", 0


def load_text(text: str, file: str = "", limits: Limits = PASTED) -> Loaded:
    """Every manifest of a multi-document text; `List` objects are unpacked. A document that is malformed
    is a problem and the others are read; a text that is too much is not read."""
    try:
        return _read(text, file, limits)
    except YamlProblem as error:
        parts = separated(text) if error.malformed else []
        if len(parts) < 2:
            return Loaded(problems=(FileProblem(file, error.line, str(error)),))
    found: list[SourceDocument] = []
    problems: list[FileProblem] = []
    for above, part in parts[: limits.documents]:
        try:
            loaded = _read(part, file, limits, above)
            limits = replace(limits, nodes=limits.nodes - nodes_of(part, limits))
        except YamlProblem as error:
            problems.append(FileProblem(file, above + max(error.line, 1), str(error)))
            if error.malformed:
                continue
            break
        found.extend(loaded.documents)
        problems.extend(loaded.problems)
    if len(parts) > limits.documents:
        problems.append(FileProblem(file, 0, f"There are more than {limits.documents} documents."))
    return Loaded(tuple(found), tuple(problems))


def _read(text: str, file: str, limits: Limits, above: int = 0) -> Loaded:
    found: list[SourceDocument] = []
    problems: list[FileProblem] = []
    for value, node in documents(text, limits):
        found.extend(_unpack(value, SourceDocument({}, file, node, above), problems))
    return Loaded(tuple(found), tuple(problems))


def load_directory(
    directory: Path, limits: Limits | None = None, *, leave_out: Collection[Path] = ()
) -> Loaded:
    """Every `.yaml`, `.yml` and `.json` file below a directory (or the one file), in the order of
    their names. Symbolic links that lead out of the directory are left out, and what `leave_out` names."""
    limits = limits or Limits()
    found: list[SourceDocument] = []
    problems: list[FileProblem] = []
    left_out = {path.resolve() for path in leave_out}
    for path, name in _files(directory, limits, problems):
        if path.resolve() in left_out:
            continue
        try:
            size = path.stat().st_size
            if size > limits.size:
                problems.append(FileProblem(name, 0, too_big(size, limits)))
                continue
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(FileProblem(name, 0, f"The file cannot be read: {type(error).__name__}."))
            continue
        loaded = load_text(text, name, limits)
        found.extend(loaded.documents)
        problems.extend(loaded.problems)
    return Loaded(tuple(found), tuple(problems))


def _files(directory: Path, limits: Limits, problems: list[FileProblem]) -> Iterator[tuple[Path, str]]:
    if directory.is_file():
        yield directory, directory.name
        return
    if not directory.is_dir():
        problems.append(FileProblem(str(directory), 0, "There is no such directory."))
        return
    root = directory.resolve()
    count = 0
    for path in sorted(directory.rglob("*")):
        if path.suffix not in YAML_SUFFIXES or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            continue
        count += 1
        if count > limits.files:
            problems.append(FileProblem(str(directory), 0, f"There are more than {limits.files} files."))
            return
        yield path, str(path.relative_to(directory))


def _unpack(value: Any, source: SourceDocument, problems: list[FileProblem]) -> Iterator[SourceDocument]:
    """The manifests in a value that was read at `source`."""
    if value is None:
        return
    line = source.line()
    if not isinstance(value, Mapping):
        problems.append(FileProblem(source.file, line, "This document is not an object."))
        return
    kind = value.get("kind")
    items = value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        found = child(source.node, "items")
        children = found[1].value if found else []
        for item, below in zip(items, children, strict=False):
            if isinstance(item, Mapping) and not item.get("kind") and kind != "List":
                item = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List"), **item}
            yield from _unpack(item, replace(source, node=below), problems)
        return
    if not isinstance(kind, str) or not kind or not isinstance(value.get("apiVersion"), str):
        problems.append(FileProblem(source.file, line, "This document has no apiVersion and kind."))
        return
    yield replace(source, manifest=_with_namespace(value, kind))


def _with_namespace(manifest: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """An object of a namespaced kind that names no namespace is in `default`, as kubectl has it."""
    metadata = manifest.get("metadata")
    if kind not in _NAMESPACED or not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return manifest
    return {**manifest, "metadata": {**metadata, "namespace": "default"}}
