"""Where the objects of a change lie in a repository: the template of paths, and the name of the branch. Pure.

Everything that comes out is a path inside the repository, whatever the names of objects are.
"""

from __future__ import annotations

import re
import string

from apps.gitops.exported import ExportedItem

DEFAULT_TEMPLATE = "clusters/{cluster}/{namespace}/{kind}-{name}.yaml"
FIELDS = ("cluster", "environment", "namespace", "kind", "name")
NO_NAMESPACE = "cluster-scoped"
_SEGMENT = re.compile(r"[A-Za-z0-9._:-]+")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
YAML_SUFFIXES = (".yaml", ".yml")


class LayoutError(ValueError):
    """A template, path or branch that cannot be used; the message is a sentence for people."""


def checked_template(template: str) -> str:
    """The template, if it makes paths of YAML files. Raises LayoutError."""
    try:
        fields = [
            field for _, field, spec, conversion in string.Formatter().parse(template) if field is not None
        ]
        odd = [s for _, f, s, c in string.Formatter().parse(template) if f is not None and (s or c)]
    except ValueError:
        raise LayoutError("The braces of the path do not fit together.") from None
    unknown = [field for field in fields if field not in FIELDS]
    if unknown or odd:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise LayoutError(f"The path may hold {known}, and nothing else in braces.")
    if not template.endswith(YAML_SUFFIXES):
        raise LayoutError("The path has to end in .yaml or .yml.")
    safe(template.format(**dict.fromkeys(FIELDS, "x")))
    return template


def path_of(template: str, item: ExportedItem) -> str:
    """Where a new object goes. Raises LayoutError for a path that leads out of the repository."""
    return safe(template.format(**_values(item)))


def scope_of(template: str, item: ExportedItem) -> str:
    """The folder below which the objects of the item's cluster lie, with a slash at its end: as far as the
    part of the template that names the cluster; "" when it names none, or only in the file's name."""
    folders = template.split("/")[:-1]
    last = max((at for at, part in enumerate(folders) if "{cluster}" in part), default=-1)
    return "".join(part.format(**_values(item)) + "/" for part in folders[: last + 1])


def safe(path: str) -> str:
    """The path, if it stays inside of the repository and out of Git's own files. Raises LayoutError."""
    for part in path.split("/"):
        if (
            not _SEGMENT.fullmatch(part)
            or part.strip(".") == ""
            or part.lower().rstrip(".") in (".git", "git~1")
        ):
            raise LayoutError(
                f"«{path[:200]}» is no path inside of the repository: use letters, digits and . _ - : "
                "between single slashes."
            )
    return path


def checked_branch(name: str) -> str:
    """The name of a branch as Git takes it, in the simple alphabet. Raises LayoutError."""
    parts = name.split("/")
    odd = any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    if not _BRANCH.fullmatch(name) or ".." in name or odd:
        raise LayoutError("A branch's name has letters, digits and . _ - /, such as main.")
    return name


def _values(item: ExportedItem) -> dict[str, str]:
    return {
        "cluster": item.cluster,
        "environment": item.environment,
        "namespace": item.namespace or NO_NAMESPACE,
        "kind": item.kind.lower(),
        "name": item.name,
    }
