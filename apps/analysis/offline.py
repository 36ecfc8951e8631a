"""A directory of manifests as a snapshot, for the commands that work on files. No database, no cluster.

What a directory usually lacks is filled in only where that is said: a repository rarely holds Istio's
injection webhooks, so Istio's own default ones are assumed then, as long as there are no pods to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.analysis import ignorefile
from apps.analysis.ignorefile import Ignored
from apps.common.errors import InvalidInputError
from apps.mesh.analyse import FILE_CODE, FILE_TITLE, KNOWN_CODES
from apps.mesh.findings import Finding, Severity
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.config import MutatingWebhookConfiguration
from apps.mesh.parsing.directories import load_directory
from apps.mesh.parsing.files import FileProblem, SourceDocument
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.rules.wording import listed
from apps.mesh.snapshot import Gap, Snapshot

WEBHOOK_KIND = MutatingWebhookConfiguration.__name__
NO_WEBHOOKS = "there is none among the manifests"
ASSUMED = "Istio's default injection webhooks are assumed, because none is among the manifests."

UNREAD = "Not everything could be read ({files}); an answer may be another one with what stands there."


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, counted from 1. `file` "" is nowhere; no line means the whole file."""

    file: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """`file:line:column` as far as it is known, which editors and terminals can follow."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Offline:
    """`problems` are what could not be read of the files; `assumptions` are sentences; `ignored` is what
    the repository has decided to live with."""

    directory: Path
    snapshot: Snapshot
    documents: Mapping[ResourceRef, SourceDocument]
    problems: tuple[FileProblem, ...]
    assumptions: tuple[str, ...]
    ignored: Ignored = field(default_factory=Ignored)

    @property
    def unread(self) -> tuple[str, ...]:
        """A sentence, if something could not be read on which an answer may rest."""
        lost = [f"{p.file}:{p.line or 1}" for p in self.problems if p.severity is Severity.ERROR]
        return (UNREAD.format(files=listed(dict.fromkeys(lost))),) if lost else ()

    def locate(self, ref: ResourceRef, path: str = "") -> Place:
        """Where a field stands; nowhere for an object that is in no file."""
        found = self.documents.get(ref)
        return Place(found.file, *found.place(path)) if found is not None else Place()


def read(directory: Path, suppressions: Path | None = None) -> Offline:
    """Every manifest below a directory, and the suppressions of the file that is named, else of the one
    that lies there. Raises InvalidInputError when there is nothing to read at all, or when that file is
    wrong; a manifest that cannot be read is a problem, not an error."""
    if not directory.exists():
        raise InvalidInputError(f"There is no directory {directory}.", field="manifests")
    own = [directory / ignorefile.NAME, *([suppressions] if suppressions else [])]
    loaded = load_directory(directory, leave_out=own)
    if not loaded.documents and not any(item.severity is Severity.ERROR for item in loaded.problems):
        raise InvalidInputError(
            f"{directory} holds no manifest: no .yaml, .yml or .json file with an object of Kubernetes.",
            field="manifests",
        )
    snapshot, assumptions = _snapshot(loaded.manifests)
    return Offline(
        directory=directory,
        snapshot=snapshot,
        documents={document.ref: document for document in loaded.documents},
        problems=(*loaded.problems, *_overwritten(loaded.documents)),
        assumptions=assumptions,
        ignored=_ignored(directory, suppressions),
    )


def _ignored(directory: Path, suppressions: Path | None) -> Ignored:
    path = suppressions or directory / ignorefile.NAME
    there = suppressions is not None or (directory.is_dir() and path.is_file())
    return ignorefile.read(path, KNOWN_CODES) if there else Ignored()


def file_findings(problems: tuple[FileProblem, ...]) -> tuple[tuple[Finding, FileProblem], ...]:
    """What could not be read, as findings on the files."""
    return tuple(
        (
            Finding(
                code=FILE_CODE,
                severity=problem.severity,
                title=FILE_TITLE,
                message=_told(problem),
                ref=ResourceRef("File", "", problem.file),
                key=f"{problem.line} {problem.key}".rstrip(),
            ),
            problem,
        )
        for problem in problems
    )


def _told(problem: FileProblem) -> str:
    unread = problem.severity is Severity.ERROR
    return f"{problem.message} What it would have said was not looked at." if unread else problem.message


def _overwritten(documents: Iterable[SourceDocument]) -> Iterator[FileProblem]:
    """What another document of the same object takes the place of, unless the two say the same."""
    last: dict[ResourceRef, SourceDocument] = {}
    for document in documents:
        before = last.get(document.ref)
        last[document.ref] = document
        if before is not None and before.manifest != document.manifest:
            yield FileProblem(
                before.file,
                before.line(),
                f"{document.ref} stands in {document.file}, line {document.line()} too, as another. "
                "Only that one was read.",
                Severity.WARNING,
                key=str(document.ref),
            )


def _snapshot(manifests: tuple[Manifest, ...]) -> tuple[Snapshot, tuple[str, ...]]:
    snapshot = Snapshot.from_manifests(manifests)
    if snapshot.each(MutatingWebhookConfiguration) or not snapshot.workloads:
        return snapshot, ()
    if any(workload.pod_groups for workload in snapshot.workloads):
        return Snapshot.from_manifests(manifests, gaps=(Gap(WEBHOOK_KIND, "", NO_WEBHOOKS),)), ()
    revisions = [plane.revision for plane in control_planes(snapshot)] or ["default"]
    return snapshot.with_patched([default_webhooks(revision) for revision in revisions]), (ASSUMED,)


def default_webhooks(revision: str) -> Manifest:
    """The webhooks that Istio's chart installs for a revision (charts/istio-control/istio-discovery,
    mutatingwebhook.yaml), as far as they decide who is injected."""
    no_label, no_revision = (
        _expression("istio-injection", "DoesNotExist"),
        _expression("istio.io/rev", "DoesNotExist"),
    )
    not_refused = _expression("sidecar.istio.io/inject", "NotIn", "false")
    webhooks = [
        _webhook("rev.namespace", [_expression("istio.io/rev", "In", revision), no_label], [not_refused]),
        _webhook(
            "rev.object", [no_revision, no_label], [not_refused, _expression("istio.io/rev", "In", revision)]
        ),
    ]
    if revision == "default":
        asked = _expression("sidecar.istio.io/inject", "In", "true")
        webhooks.append(
            _webhook("namespace", [_expression("istio-injection", "In", "enabled")], [not_refused])
        )
        webhooks.append(_webhook("object", [no_label, no_revision], [asked, no_revision]))
    suffix = "" if revision == "default" else f"-{revision}"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": WEBHOOK_KIND,
        "metadata": {"name": f"istio-sidecar-injector{suffix}", "labels": {"istio.io/rev": revision}},
        "webhooks": webhooks,
    }


def _webhook(name: str, namespace: list[Any], pod: list[Any]) -> dict[str, Any]:
    return {
        "name": f"{name}.sidecar-injector.istio.io",
        "namespaceSelector": {"matchExpressions": namespace},
        "objectSelector": {"matchExpressions": pod},
    }


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}
