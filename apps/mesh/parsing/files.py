"""YAML files → manifests, with the file and line of any field path, and hard limits on what is read.

What is wrong with a file is a value. Knows nothing of kinds but whether they have a namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from apps.mesh.parsing.registry import CLUSTER_SCOPED, READERS
from apps.mesh.refs import ResourceRef

YAML_SUFFIXES = (".yaml", ".yml", ".json")
_NAMESPACED = frozenset({"Pod", *(kind for _, kind in READERS)}) - CLUSTER_SCOPED
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one text. `nodes` counts scalars, lists and mappings with every alias expanded."""

    size: int = 64 * 1024 * 1024
    documents: int = 20_000
    nodes: int = 5_000_000
    depth: int = 64
    files: int = 5_000


PASTED = Limits(size=2 * 1024 * 1024, documents=500, nodes=100_000, depth=64)
"""For what a person pastes or uploads."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """`line` starts at 1; 0 when the whole file is meant."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class SourceDocument:
    """A manifest and where its fields stand."""

    manifest: Mapping[str, Any]
    file: str
    node: yaml.Node = field(repr=False)

    @property
    def ref(self) -> ResourceRef:
        return ResourceRef.of(self.manifest)

    def line(self, path: str = "") -> int:
        """The line (from 1) of the field `spec.egress[0].hosts`, or of its nearest parent."""
        node = self.node
        line = node.start_mark.line + 1
        for step in _STEP.findall(path):
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line


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


class _TooMuch(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Constructor(yaml.CSafeLoader):
    """Timestamps stay text, as in Kubernetes."""


_Constructor.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_text(text: str, file: str = "", limits: Limits = PASTED) -> Loaded:
    """Every manifest of a multi-document text; `List` objects are unpacked. A text that cannot be
    read, or is too much, gives what stood before it and a problem."""
    size = len(text.encode("utf-8", "replace"))
    if size > limits.size:
        return Loaded((), (FileProblem(file, 0, _too_big(size, limits)),))
    documents: list[SourceDocument] = []
    problems: list[FileProblem] = []
    try:
        _measure(text, limits)
        loader = _Constructor(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is None:
                    break
                value = loader.construct_document(node)
                documents.extend(_unpack(value, node, file, problems))
        finally:
            loader.dispose()
    except _TooMuch as error:
        problems.append(FileProblem(file, error.line, str(error)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problems.append(FileProblem(file, _line_of(error), f"This is not YAML: {_reason(error)}."))
    return Loaded(tuple(documents), tuple(problems))


def load_directory(directory: Path, limits: Limits | None = None) -> Loaded:
    """Every `.yaml`, `.yml` and `.json` file below a directory (or the one file), in the order of
    their names. Symbolic links that lead out of the directory are left out."""
    limits = limits or Limits()
    documents: list[SourceDocument] = []
    problems: list[FileProblem] = []
    for path, name in _files(directory, limits, problems):
        try:
            size = path.stat().st_size
            if size > limits.size:
                problems.append(FileProblem(name, 0, _too_big(size, limits)))
                continue
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(FileProblem(name, 0, f"The file cannot be read: {type(error).__name__}."))
            continue
        loaded = load_text(text, name, limits)
        documents.extend(loaded.documents)
        problems.extend(loaded.problems)
    return Loaded(tuple(documents), tuple(problems))


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


def _too_big(size: int, limits: Limits) -> str:
    return f"The text is {size:,} bytes long; at most {limits.size:,} are read."


def _measure(text: str, limits: Limits) -> None:
    """Raises _TooMuch before anything is built. An alias costs what its anchor holds, so that a few
    lines cannot stand for millions of nodes."""
    nodes = documents = 0
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            sizes = {}
            if documents > limits.documents:
                raise _TooMuch(line, f"There are more than {limits.documents} documents.")
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise _TooMuch(line, f"The alias *{event.anchor} stands inside its own anchor, or has none.")
            nodes += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            open_anchors.append((event.anchor, nodes))
            nodes += 1
            if len(open_anchors) > limits.depth:
                raise _TooMuch(line, f"It is nested deeper than {limits.depth} levels.")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            anchor, before = open_anchors.pop()
            if anchor:
                sizes[anchor] = nodes - before
        if nodes > limits.nodes:
            raise _TooMuch(line, f"It holds more than {limits.nodes:,} values once its aliases are expanded.")


def _unpack(value: Any, node: yaml.Node, file: str, problems: list[FileProblem]) -> Iterator[SourceDocument]:
    if value is None:
        return
    line = node.start_mark.line + 1
    if not isinstance(value, Mapping):
        problems.append(FileProblem(file, line, "This document is not an object."))
        return
    kind = value.get("kind")
    items = value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        found = _child(node, "items")
        children = found[1].value if found else []
        for item, child in zip(items, children, strict=False):
            if isinstance(item, Mapping) and not item.get("kind") and kind != "List":
                item = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List"), **item}
            yield from _unpack(item, child, file, problems)
        return
    if not isinstance(kind, str) or not kind or not isinstance(value.get("apiVersion"), str):
        problems.append(FileProblem(file, line, "This document has no apiVersion and kind."))
        return
    yield SourceDocument(_with_namespace(value, kind), file, node)


def _with_namespace(manifest: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """An object of a namespaced kind that names no namespace is in `default`, as kubectl has it."""
    metadata = manifest.get("metadata")
    if kind not in _NAMESPACED or not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return manifest
    return {**manifest, "metadata": {**metadata, "namespace": "default"}}


def _child(node: yaml.Node, step: str) -> tuple[int, yaml.Node] | None:
    if step.startswith("["):
        index = int(step[1:-1])
        if isinstance(node, yaml.SequenceNode) and index < len(node.value):
            child = node.value[index]
            return child.start_mark.line + 1, child
        return None
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if key.value == step:
                return key.start_mark.line + 1, child
    return None


def _line_of(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 0


def _reason(error: Exception) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return str(problem or type(error).__name__)
