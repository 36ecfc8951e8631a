"""`manage.py propose --manifests DIR`: the YAML that would mend what is blocked."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from apps.analysis.management.manifests import ManifestsCommand
from apps.analysis.offline import Offline
from apps.analysis.plaintext import printable
from apps.common.errors import InvalidInputError
from apps.mesh.hostsets import HostSet
from apps.mesh.patches import ManifestPatch, PatchAction, stripped, to_yaml
from apps.mesh.remedies.base import Proposal, ProposalError, Target
from apps.mesh.remedies.catalogue import REMEDIES, propose, propose_everything


class Command(ManifestsCommand):
    help = "Prints the smallest manifests that open what Speedscale needs; nothing is written anywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--remedy", choices=sorted(REMEDIES), help="only this one; default: all that apply"
        )
        parser.add_argument("--host", action="append", default=[], help="only this host (repeatable)")
        parser.add_argument("--namespace", action="append", default=[], help="only for this one (repeatable)")

    def answer(self, offline: Offline, options: dict[str, Any]) -> None:
        target = Target(hosts=tuple(options["host"]), namespaces=tuple(options["namespace"]))
        proposals, reasons = _proposals(offline, self.hostset(options), options["remedy"], target)
        for problem in offline.problems:
            self.stderr.write(f"{problem.file}: {problem.message}")
        for line in (*offline.assumptions, *(() if proposals else reasons)):
            self.stdout.write(f"# {printable(line)}")
        self.stdout.write("---\n".join(_documents(proposals)), ending="")


def _proposals(
    offline: Offline, hostset: HostSet, remedy: str | None, target: Target
) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    if remedy is None:
        return propose_everything(offline.snapshot, hostset, target)
    try:
        return (propose(offline.snapshot, hostset, remedy, target),), ()
    except ProposalError as error:
        raise InvalidInputError(str(error)) from error


def _documents(proposals: tuple[Proposal, ...]) -> Iterator[str]:
    """One document for each object, in its last form, with what it does as a comment."""
    last: dict[Any, tuple[Proposal, ManifestPatch]] = {}
    for proposal in proposals:
        for patch in proposal.patches:
            last[patch.ref] = (proposal, patch)
    told: set[str] = set()
    for proposal, patch in last.values():
        comments = [] if proposal.remedy in told else [proposal.summary, *proposal.warnings]
        told.add(proposal.remedy)
        verb = "created" if patch.action is PatchAction.CREATE else "as it would be, all else kept"
        text = "".join(f"# {printable(line)}\n" for line in (*comments, f"{patch.ref}: {verb}"))
        yield text + to_yaml(stripped(patch.after or {}))
