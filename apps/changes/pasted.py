"""Reads manifests that somebody pasted. Pure: bounded in size, depth and number; no aliases, no tags.

Every complaint names the document, the line and the field. Knows nothing of what is on a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

BYTES_LIMIT = 256 * 1024
DOCUMENTS_LIMIT = 50
DEPTH_LIMIT = 40
NODES_LIMIT = 50_000
MESH_GROUP = "networking.istio.io"
MESH_KINDS = frozenset(
    {"ServiceEntry", "Sidecar", "VirtualService", "DestinationRule", "Gateway", "WorkloadEntry"}
)
WORKLOAD_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
WORKLOAD_API = "apps/v1"
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")
NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SAFE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null")
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """One document: its number (from 1), the line it begins on, and what it says."""

    document: int
    line: int
    manifest: dict[str, Any]

    @property
    def is_workload(self) -> bool:
        return self.manifest["kind"] in WORKLOAD_KINDS


class PastedError(ValueError):
    """What is wrong and where; `field` is a path in the document, "" for the whole."""

    def __init__(self, message: str, *, document: int = 0, line: int = 0, field: str = "") -> None:
        place = f"Document {document}, line {line}" if document else f"Line {line}" if line else ""
        where = f"{place}{', ' + field if place and field else field}"
        super().__init__(f"{where}: {message}" if where else message)
        self.document, self.line, self.field = document, line, field


def read(text: str) -> tuple[Pasted, ...]:
    """The documents of a paste, each checked. Raises PastedError for the first thing that is wrong."""
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_LIMIT:
        raise PastedError(f"This is more than {BYTES_LIMIT // 1024} KiB: paste less at a time.")
    _bounded(text)
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=LOADER) if node is not None]
        found = tuple(_document(i, node) for i, node in enumerate(_filled(nodes), start=1))
    except yaml.YAMLError as error:
        raise _syntax(error) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, PastedError):
            raise
        raise PastedError("A value cannot be read: check dates and numbers.") from error
    if not found:
        raise PastedError("There is no manifest in this text.")
    return found


def read_mapping(text: str) -> dict[str, Any]:
    """The one document of a text, whatever it is about, as plain values. Raises PastedError."""
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_LIMIT:
        raise PastedError(f"This is more than {BYTES_LIMIT // 1024} KiB.")
    _bounded(text)
    try:
        nodes = list(_filled([node for node in yaml.compose_all(text, Loader=LOADER) if node is not None]))
        if len(nodes) != 1 or not isinstance(nodes[0], yaml.MappingNode):
            raise PastedError("write one YAML document that is a mapping.")
        _check_nodes(1, nodes[0], "")
        found: dict[str, Any] = yaml.SafeLoader("").construct_document(nodes[0])
    except yaml.YAMLError as error:
        raise _syntax(error) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, PastedError):
            raise
        raise PastedError("A value cannot be read: check numbers.") from error
    return found


def _bounded(text: str) -> None:
    depth = nodes = documents = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise PastedError("anchors and aliases are not read: write it out.", line=line)
            documents += isinstance(event, yaml.DocumentStartEvent)
            nodes += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if documents > DOCUMENTS_LIMIT:
                raise PastedError(f"more than {DOCUMENTS_LIMIT} documents.", line=line)
            if depth > DEPTH_LIMIT or nodes > NODES_LIMIT:
                raise PastedError("too deep or too large for a manifest.", line=line)
    except yaml.YAMLError as error:
        raise _syntax(error) from error


def _filled(nodes: list[yaml.Node]) -> Iterator[yaml.Node]:
    return (node for node in nodes if not (isinstance(node, yaml.ScalarNode) and not node.value.strip()))


def _document(number: int, node: yaml.Node) -> Pasted:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise PastedError(
            "a manifest is a mapping with apiVersion, kind and metadata.", document=number, line=line
        )
    _check_nodes(number, node, "")
    manifest: dict[str, Any] = yaml.SafeLoader("").construct_document(node)
    places = dict(_marks(node, ""))

    def wrong(field: str, message: str) -> PastedError:
        near = field
        while near and near not in places:
            near = near.rpartition(".")[0]
        return PastedError(message, document=number, line=places.get(near, line), field=field)

    _check_kind(manifest, wrong)
    _check_metadata(manifest, wrong)
    if manifest["kind"] in WORKLOAD_KINDS:
        _check_workload(manifest, wrong)
    elif not isinstance(manifest.get("spec"), Mapping):
        raise wrong("spec", "the spec is missing.")
    manifest.pop("status", None)
    return Pasted(number, line, manifest)


def _check_kind(manifest: Mapping[str, Any], wrong: Any) -> None:
    kind, api_version = manifest.get("kind"), manifest.get("apiVersion")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        raise wrong("kind" if isinstance(api_version, str) else "apiVersion", "is missing or not a text.")
    if kind in WORKLOAD_KINDS and api_version == WORKLOAD_API:
        return
    if kind in MESH_KINDS and re.fullmatch(rf"{re.escape(MESH_GROUP)}/v1(alpha3|beta1)?", api_version):
        return
    known = ", ".join(sorted(MESH_KINDS | WORKLOAD_KINDS))
    raise wrong("kind", f"{api_version} {kind} cannot be changed here. What can: {known}.")


def _check_metadata(manifest: Mapping[str, Any], wrong: Any) -> None:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        raise wrong("metadata", "is missing.")
    for field, pattern in (("name", NAME), ("namespace", NAMESPACE)):
        value = metadata.get(field)
        if not isinstance(value, str) or not pattern.match(value):
            raise wrong(f"metadata.{field}", "is missing or no valid Kubernetes name.")
    for field in ("labels", "annotations"):
        values = metadata.get(field)
        if values is None:
            continue
        if not isinstance(values, Mapping) or not all(isinstance(v, str) for v in values.values()):
            raise wrong(
                f"metadata.{field}", "must map texts to texts: put numbers and words like true in quotes."
            )
    odd = sorted(set(metadata) - {"name", "namespace", "labels", "annotations"})
    if odd:
        raise wrong(f"metadata.{odd[0]}", "is not for people to set: leave it out.")


def _check_workload(manifest: Mapping[str, Any], wrong: Any) -> None:
    sentence = "of a workload only annotations can be changed here, its own and its pod template's."
    for path, value in _leaves(manifest):
        allowed = path.startswith(("metadata.annotations", "spec.template.metadata.annotations"))
        if not allowed and path not in {"apiVersion", "kind", "metadata.name", "metadata.namespace"}:
            raise wrong(path, sentence)
        if not isinstance(value, str):
            raise wrong(path, "must be a text.")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _check_nodes(number: int, node: yaml.Node, path: str) -> None:
    if node.tag not in SAFE_TAGS:
        raise PastedError(
            "is a date or has a tag: put it in quotes or leave the tag out.",
            document=number,
            line=node.start_mark.line + 1,
            field=path,
        )
    if node.tag.endswith(":float") and node.value.strip().lower().lstrip("+-") in {".nan", ".inf"}:
        raise PastedError("is no number.", document=number, line=node.start_mark.line + 1, field=path)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _check_nodes(number, item, f"{path}[{index}]")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            where = f"{path}.{key.value}" if path else str(key.value)
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise PastedError("a key must be a text.", document=number, line=line, field=path)
            if key.value in seen:
                raise PastedError("is there twice.", document=number, line=line, field=where)
            seen.add(key.value)
            _check_nodes(number, value, where)


def _marks(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            where = f"{path}.{key.value}" if path else str(key.value)
            yield where, key.start_mark.line + 1
            yield from _marks(value, where)


def _syntax(error: yaml.YAMLError) -> PastedError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 0
    problem = getattr(error, "problem", None) or "it holds characters that YAML does not allow"
    return PastedError(f"this is not YAML: {problem}.", line=line)
