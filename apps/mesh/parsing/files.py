"""YAML and JSON texts → manifests, with the file and line of any field path, and hard limits on what is read.

What is wrong with a text is a value. Knows nothing of kinds but whether they have a namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import yaml

from apps.mesh.findings import Severity
from apps.mesh.parsing.registry import CLUSTER_SCOPED, READERS, group_of
from apps.mesh.parsing.yamltext import (
    PASTED,
    Limits,
    Repeated,
    YamlProblem,
    child,
    documents,
    nodes_of,
    place_at,
    separated,
    too_many,
)
from apps.mesh.refs import ResourceRef

KUSTOMIZE = "kustomize.config.k8s.io"
RENDERED_BY = {
    "Chart.yaml": "helm template",
    "kustomization.yaml": "kustomize build",
    "kustomization.yml": "kustomize build",
}
TEMPLATE = "{{"
_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NAMESPACED = frozenset({"Pod", *(kind for _, kind in READERS)}) - CLUSTER_SCOPED


@dataclass(frozen=True, slots=True)
class FileProblem:
    """`line` starts at 1; 0 when the whole file is meant. What is no error was no manifest, or does not
    count. `key` tells it from others of its line."""

    file: str
    line: int
    message: str
    severity: Severity = Severity.ERROR
    key: str = ""


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
    if file.endswith(".json"):
        text = _as_yaml(text)
    try:
        return _read(text, file, limits)
    except YamlProblem as error:
        parts = separated(text) if error.malformed else []
        if len(parts) < 2:
            return Loaded(problems=(FileProblem(file, error.line, _what(error, text)),))
    found: list[SourceDocument] = []
    problems: list[FileProblem] = []
    for above, part in parts[: limits.documents]:
        try:
            loaded = _read(part, file, limits, above)
            limits = replace(limits, nodes=limits.nodes - nodes_of(part, limits))
        except YamlProblem as error:
            problems.append(FileProblem(file, above + max(error.line, 1), _what(error, part)))
            if error.malformed:
                continue
            break
        found.extend(loaded.documents)
        problems.extend(loaded.problems)
    if len(parts) > limits.documents:
        problems.append(FileProblem(file, 0, too_many(limits)))
    return Loaded(tuple(found), tuple(problems))


def _read(text: str, file: str, limits: Limits, above: int = 0) -> Loaded:
    found: list[SourceDocument] = []
    problems: list[FileProblem] = []
    repeated: list[Repeated] = []
    for value, node in documents(text, limits, repeated):
        found.extend(_unpack(value, SourceDocument({}, file, node, above), problems))
    for item in repeated:
        message = f"The key {item.key[:80]} is written twice in one mapping; the last one counts."
        problems.append(FileProblem(file, above + item.line, message, Severity.WARNING, item.key))
    return Loaded(tuple(found), tuple(problems))


def _as_yaml(text: str) -> str:
    """JSON with what YAML does not take: tabs, and characters that are written as two escapes."""
    return _SURROGATES.sub(r"\\uFFFD\\uFFFD", text.replace("\t", " "))


def _what(error: YamlProblem, text: str) -> str:
    hint = f" It looks like a template. {_render('helm template')}" if TEMPLATE in text else ""
    return f"{error}{hint}" if error.malformed else str(error)


def _render(command: str) -> str:
    return f"Analyse what {command} makes of it."


def _unpack(
    value: Any, source: SourceDocument, problems: list[FileProblem], *, listed: bool = False
) -> Iterator[SourceDocument]:
    """The manifests in a value that was read at `source`, or in an item of a list there."""
    if value is None:
        return

    def problem(message: str, severity: Severity = Severity.ERROR) -> None:
        problems.append(FileProblem(source.file, source.line(), message, severity))

    severity = Severity.ERROR if listed or not source.file else _severity(value)
    if not isinstance(value, Mapping):
        problem("This document is not an object.", severity)
        return
    kind, items, api_version = value.get("kind"), value.get("items"), value.get("apiVersion")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        found = child(source.node, "items")
        children = found[1].value if found else []
        for item, below in zip(items, children, strict=False):
            if isinstance(item, Mapping) and not item.get("kind") and kind != "List":
                item = {"apiVersion": api_version, "kind": kind.removesuffix("List"), **item}
            yield from _unpack(item, replace(source, node=below), problems, listed=True)
        return
    if (command := _rendering(source.file, api_version)) is not None:
        told = "What it makes of the files beside it is not looked at."
        problem(f"{told} {_render(command)}", Severity.WARNING)
        return
    if not isinstance(kind, str) or not kind or not isinstance(api_version, str):
        problem("This document has no apiVersion and kind.", severity)
        return
    metadata = value.get("metadata")
    names = metadata if isinstance(metadata, Mapping) else {}
    if any(TEMPLATE in str(names.get(key) or "") for key in ("name", "namespace")):
        problem(f"It is a template. {_render('helm template')}")
        return
    if (group_of(api_version), kind) in READERS and not (names.get("name") or names.get("generateName")):
        problem(f"This {kind} has no metadata.name.")
        return
    yield replace(source, manifest=_with_namespace(value, kind))


def _rendering(file: str, api_version: Any) -> str | None:
    """The command that makes manifests of what this file says; None where it is one itself."""
    if isinstance(api_version, str) and group_of(api_version) == KUSTOMIZE:
        return "kustomize build"
    return RENDERED_BY.get(PurePath(file).name)


def _severity(value: Any) -> Severity:
    """Data for another tool is none of our business; what somebody may have meant as a manifest is."""
    if isinstance(value, str):
        return Severity.ERROR
    inner = value if isinstance(value, list) else [value]
    meant = any(isinstance(item, Mapping) and {"apiVersion", "kind"} & item.keys() for item in inner)
    return Severity.ERROR if meant else Severity.INFO


def _with_namespace(manifest: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """An object of a namespaced kind that names no namespace is in `default`, as kubectl has it."""
    metadata = manifest.get("metadata")
    if kind not in _NAMESPACED or not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return manifest
    return {**manifest, "metadata": {**metadata, "namespace": "default"}}
