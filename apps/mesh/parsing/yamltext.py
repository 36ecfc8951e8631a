"""Reading YAML text that nobody has vouched for: bounded before anything is built, with line numbers.

Knows nothing of manifests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

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


class YamlProblem(Exception):
    """The text is not YAML, or too much of it. `line` starts at 1; 0 when the whole text is meant."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Constructor(yaml.CSafeLoader):
    """Timestamps stay text, as in Kubernetes."""


_Constructor.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str, limits: Limits = PASTED) -> Iterator[tuple[Any, yaml.Node]]:
    """The value and the node of each document. Raises YamlProblem when the text is too big or wrong;
    what stood before the mistake has been yielded by then."""
    size = len(text.encode("utf-8", "replace"))
    if size > limits.size:
        raise YamlProblem(0, too_big(size, limits))
    try:
        _measure(text, limits)
        loader = _Constructor(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is None:
                    break
                yield loader.construct_document(node), node
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlProblem(_line_of(error), f"This is not YAML: {_reason(error)}.") from error


def too_big(size: int, limits: Limits) -> str:
    return f"The text is {size:,} bytes long; at most {limits.size:,} are read."


def line_at(node: yaml.Node, path: str) -> int:
    """The line (from 1) of the field `spec.egress[0].hosts` below a node, or of its nearest parent."""
    line = node.start_mark.line + 1
    for step in _STEP.findall(path):
        found = child(node, step)
        if found is None:
            break
        line, node = found
    return line


def _measure(text: str, limits: Limits) -> None:
    """Raises YamlProblem before anything is built. An alias costs what its anchor holds, so that a few
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
                raise YamlProblem(line, f"There are more than {limits.documents} documents.")
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise YamlProblem(
                    line, f"The alias *{event.anchor} stands inside its own anchor, or has none."
                )
            nodes += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            open_anchors.append((event.anchor, nodes))
            nodes += 1
            if len(open_anchors) > limits.depth:
                raise YamlProblem(line, f"It is nested deeper than {limits.depth} levels.")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            anchor, before = open_anchors.pop()
            if anchor:
                sizes[anchor] = nodes - before
        if nodes > limits.nodes:
            raise YamlProblem(
                line, f"It holds more than {limits.nodes:,} values once its aliases are expanded."
            )


def child(node: yaml.Node, step: str) -> tuple[int, yaml.Node] | None:
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
