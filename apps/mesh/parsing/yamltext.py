"""Reading YAML text that nobody has vouched for: bounded before anything is built, with line numbers.

Knows nothing of manifests.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_STEP = re.compile(r"[^.\[\]]+|\[[^\[\]]+\]")
_INDEX = re.compile(r"\[(\d+)\]")
_NOTHING = ("", "#", "%")  # how a line begins that holds no value
_WORDS = {"found unhashable key": "a key is a list or a mapping"}
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)


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


MOST_REPEATED = 50


@dataclass(frozen=True, slots=True)
class Repeated:
    """A key that stands a second time in its mapping; the last one counts. `line` starts at 1."""

    line: int
    key: str


class YamlProblem(Exception):
    """The text is not YAML, or too much of it. `line` starts at 1; 0 when the whole text is meant;
    `malformed` when it is the writing that is wrong and not the amount."""

    def __init__(self, line: int, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.malformed = malformed


class _Constructor(yaml.CSafeLoader):
    """Timestamps stay text, and keys become text (`8080: …` is `"8080": …`), as in Kubernetes; so do numbers
    of base 60 (`22:22`) and those that are too long. Notes keys that are written twice in a mapping."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[Repeated] = []
        self._own: dict[int, tuple[yaml.Node, list[tuple[yaml.Node, yaml.Node]]]] = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        own = node.value  # after merging: the mapping's own pairs, while the node has those merged in too
        super().flatten_mapping(node)
        if node.value is not own:
            self._own.setdefault(id(node), (node, own))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        own = self._own[id(node)][1] if id(node) in self._own else node.value
        if (own is not node.value or len(found) < len(own)) and len(self.repeated) < MOST_REPEATED:
            self.repeated.extend(_repeated(own))
        if all(type(key) is str for key in found):
            return found
        return {_key(key): value for key, value in found.items()}

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """A number, or the text where Kubernetes sees none."""
        if ":" in node.value:
            return node.value
        try:
            number = self.construct_yaml_int if node.tag.endswith("int") else self.construct_yaml_float
            return number(node)
        except ValueError:
            return node.value


def _repeated(pairs: list[tuple[yaml.Node, yaml.Node]]) -> Iterator[Repeated]:
    seen: set[Any] = set()
    for key, _ in pairs:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            yield Repeated(key.start_mark.line + 1, key.value)
        elif isinstance(key, yaml.ScalarNode):
            seen.add(key.value)


def _key(key: Any) -> Any:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key) if isinstance(key, int | float) else key


for _tag in ("int", "float"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", _Constructor.construct_number)
_Constructor.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def documents(
    text: str, limits: Limits = PASTED, repeated: list[Repeated] | None = None
) -> Iterator[tuple[Any, yaml.Node]]:
    """The value and the node of each document. Raises YamlProblem when the text is too big or wrong;
    what stood before the mistake has been yielded by then. Keys that are written twice are added to
    `repeated` with their document."""
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
                value = loader.construct_document(node)
                if repeated is not None:
                    repeated.extend(loader.repeated)
                    loader.repeated.clear()
                yield value, node
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"This is not YAML: {_reason(error)}."
        raise YamlProblem(_line_of(error), message, malformed=True) from error


def separated(text: str) -> list[tuple[int, str]]:
    """The documents of a text as texts, each with the number of lines before it: no document can hold a
    line that begins with `---`, so that one that is malformed does not hide the others."""
    starts = [match.start() for match in _SEPARATOR.finditer(text)]
    edges = sorted({0, *starts, len(text)})
    parts, before = [], 0
    for start, end in itertools.pairwise(edges):
        part = text[start:end]
        if any(line.strip()[:1] not in _NOTHING for line in part.splitlines()):
            parts.append((before, part))
        before += part.count("\n")
    return parts


def too_big(size: int, limits: Limits) -> str:
    return f"The text is {size:,} bytes long; at most {limits.size:,} are read."


def too_many(limits: Limits) -> str:
    most = limits.documents
    return "There is more than one document." if most == 1 else f"There are more than {most} documents."


def line_at(node: yaml.Node, path: str) -> int:
    """The line (from 1) of the field `spec.egress[0].hosts` below a node, or of its nearest parent."""
    return place_at(node, path)[0]


def place_at(node: yaml.Node, path: str) -> tuple[int, int]:
    """Line and column (from 1, in characters) where the key of the field, or the item of the list,
    begins; of the nearest parent when the field is not there. A key with dots stands in brackets:
    `metadata.annotations[example.com/x]`. What comes from an anchor stands where the anchor does."""
    place = node.start_mark
    for step in _STEP.findall(path):
        found = child(node, step)
        if found is None:
            break
        place, node = found
    return place.line + 1, place.column + 1


def nodes_of(text: str, limits: Limits) -> int:
    """How many values a text holds, its aliases expanded. Raises YamlProblem as `documents` does."""
    try:
        return _measure(text, limits)
    except (yaml.YAMLError, ValueError, RecursionError):
        return 0


def _measure(text: str, limits: Limits) -> int:
    """The number of values. Raises YamlProblem before anything is built. An alias costs what its anchor
    holds, so that a few lines cannot stand for millions of nodes."""
    nodes = documents = 0
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            sizes = {}
            if documents > limits.documents:
                raise YamlProblem(line, too_many(limits))
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
    return nodes


def child(node: yaml.Node, step: str) -> tuple[yaml.Mark, yaml.Node] | None:
    """Where one step of a path begins, and its value. Of two equal keys the last one counts, as when the
    document is built; what a merge key brought in stands before the mapping's own keys."""
    if isinstance(node, yaml.SequenceNode):
        index = _INDEX.fullmatch(step)
        if index is None or int(index[1][:9]) >= len(node.value):
            return None
        item = node.value[int(index[1])]
        return item.start_mark, item
    if isinstance(node, yaml.MappingNode):
        name = step[1:-1] if step.startswith("[") else step
        for key, value in reversed(node.value):
            if key.value == name:
                return key.start_mark, value
    return None


def _line_of(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 0


def _reason(error: Exception) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return _WORDS.get(str(problem)) or str(problem or type(error).__name__)
