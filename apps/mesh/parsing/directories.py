"""A directory of YAML and JSON files → manifests. What cannot be read, or is not followed, is a value."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from apps.mesh.parsing.files import FileProblem, Loaded, SourceDocument, load_text
from apps.mesh.parsing.yamltext import Limits, too_big

SUFFIXES = (".yaml", ".yml", ".json")
NEVER_MANIFESTS = frozenset({".git", "node_modules"})
WHOLE = "."
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def load_directory(
    directory: Path, limits: Limits | None = None, *, leave_out: Collection[Path] = ()
) -> Loaded:
    """Every `.yaml`, `.yml` and `.json` file below a directory (or the one file), in the order of
    their names. Symbolic links that lead out of the directory are a problem and not followed; what
    `leave_out` names is left out."""
    limits = limits or Limits()
    found: list[SourceDocument] = []
    problems: list[FileProblem] = []
    left_out = {path.resolve() for path in leave_out}
    for path, name in _files(directory, limits, problems):
        if path.resolve() in left_out:
            continue
        text = _text(path, name, limits)
        loaded = load_text(text, name, limits) if isinstance(text, str) else Loaded(problems=(text,))
        found.extend(loaded.documents)
        problems.extend(loaded.problems)
    return Loaded(tuple(found), tuple(problems))


def _text(path: Path, name: str, limits: Limits) -> str | FileProblem:
    try:
        size = path.stat().st_size
        if size > limits.size:
            return FileProblem(name, 0, too_big(size, limits))
        data = path.read_bytes()
    except OSError as error:
        return FileProblem(name, 0, f"The file cannot be read: {why(error)}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith(UTF16):
            return FileProblem(name, 0, "The file cannot be read: it is UTF-16. Save it as UTF-8.")
        line = data.count(b"\n", 0, error.start) + 1
        return FileProblem(name, line, "The file cannot be read: it is not UTF-8 here.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def why(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read or written, in words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return (error.strerror or type(error).__name__).lower()


def _files(directory: Path, limits: Limits, problems: list[FileProblem]) -> Iterator[tuple[Path, str]]:
    """The files with their names below the directory."""
    if directory.is_file():
        yield directory, directory.name
        return
    if not directory.is_dir():
        problems.append(FileProblem(WHOLE, 0, "There is no such directory."))
        return
    root = directory.resolve()
    paths = sorted(_walked(directory, problems))
    for path in paths[: limits.files]:
        name = str(path.relative_to(directory))
        if not path.exists():
            problems.append(FileProblem(name, 0, "It is a link that leads nowhere."))
        elif not path.resolve().is_relative_to(root):
            problems.append(FileProblem(name, 0, "It is a link out of the directory, and is not followed."))
        elif path.is_file():
            yield path, name
    if len(paths) > limits.files:
        problems.append(FileProblem(WHOLE, 0, f"There are more than {limits.files} files."))


def _walked(directory: Path, problems: list[FileProblem]) -> Iterator[Path]:
    """Everything that may have to be read: files by their suffix, and links to directories."""

    def unread(error: OSError) -> None:
        name = os.path.relpath(error.filename or directory, directory)
        problems.append(FileProblem(name, 0, f"The directory cannot be read: {why(error)}."))

    for folder, folders, names in os.walk(directory, onerror=unread):
        folders[:] = [name for name in folders if name not in NEVER_MANIFESTS]
        yield from (Path(folder, name) for name in names if Path(name).suffix in SUFFIXES)
        yield from (path for name in folders if (path := Path(folder, name)).is_symlink())
