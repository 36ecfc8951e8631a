"""`manage.py propose --manifests DIR`: the manifests that would mend what is blocked.

The exit code is 0 when there is an answer, even if that is "nothing to mend", and 2 when the input, or the
remedy that was asked for by name, cannot be used.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from apps.analysis.management.manifests import ManifestsCommand
from apps.analysis.offline import Offline
from apps.analysis.plaintext import printable
from apps.analysis.proposing import Mending, mendings
from apps.common.clock import now
from apps.common.errors import InvalidInputError
from apps.mesh.hostsets import HostSet
from apps.mesh.patches import PatchAction, stripped, to_yaml
from apps.mesh.remedies.base import Target
from apps.mesh.remedies.catalogue import REMEDIES
from apps.mesh.tenancy import hosts_in


class Command(ManifestsCommand):
    help = "Prints the smallest manifests that open the hosts that are needed; nothing is applied anywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--remedy", choices=sorted(REMEDIES), help="only this one; default: all that apply"
        )
        parser.add_argument("--host", action="append", default=[], help="only this host (repeatable)")
        parser.add_argument(
            "--set", default="", help="the hosts are of this set; default: all that are given"
        )
        parser.add_argument("--namespace", action="append", default=[], help="only for this one (repeatable)")
        parser.add_argument("--format", choices=("yaml", "json"), default="yaml")

    def answer(self, offline: Offline, options: dict[str, Any]) -> tuple[str, int]:
        target = Target(
            hosts=tuple(options["host"]), namespaces=tuple(options["namespace"]), hostset=options["set"]
        )
        _refuse_unknown(offline, self.hostset(options), target)
        remedies = (options["remedy"],) if options["remedy"] else ()
        found = mendings(offline, self.hostset(options), remedies, target, today=now().date())
        if remedies and found.reasons and not found.mendings:
            raise InvalidInputError(" ".join(found.reasons))
        if options["format"] == "json":
            told = {
                "proposals": [_json(item) for item in found.mendings],
                "assumptions": [*offline.assumptions, *offline.unread],
                "reasons": list(found.reasons),
                "notes": list(found.notes),
            }
            return json.dumps(told, indent=2), 0
        reasons = () if found.mendings else found.reasons
        lines = (*offline.assumptions, *offline.unread, *found.notes, *reasons)
        head = "".join(f"# {printable(line)}\n" for line in lines)
        return head + "---\n".join(_documents(found.mendings)), 0


def _refuse_unknown(offline: Offline, hostset: HostSet, target: Target) -> None:
    """Raises InvalidInputError for hosts and namespaces that nothing could be proposed for."""
    dialled = hosts_in(offline.snapshot, hostset)
    others = (needed.hostset for needed in hostset.beside)
    sets = [one for one in (dialled, *others) if target.hostset in ("", one.name)]
    for host in target.hosts:
        if not any(one.get(host) for one in sets):
            named = ", ".join(map(str, sets)) or f"{target.hostset}, which is not in use here"
            raise InvalidInputError(f"--host {host!r} is not one of the hosts of {named}.", field="host")
    known = {*offline.snapshot.namespaces, *(ref.namespace for ref in offline.documents)}
    for namespace in target.namespaces:
        if namespace not in known:
            told = f"--namespace {namespace!r} is not a namespace of these manifests."
            raise InvalidInputError(told, field="namespace")


def _documents(found: Sequence[Mending]) -> Iterator[str]:
    """One document for each object, with what it does and which findings it ends as comments."""
    told: set[str] = set()
    for item in found:
        patch, proposal = item.patch, item.proposal
        comments = [] if proposal.summary in told else [proposal.summary, *proposal.warnings]
        told.add(proposal.summary)
        verb = "created" if patch.action is PatchAction.CREATE else "as it would be, all else kept"
        comments.append(f"{patch.ref}: {verb}")
        mended = (f"mends {finding.code} on {finding.ref}: {finding.title}" for finding in item.mends)
        comments += dict.fromkeys(mended)
        yield "".join(f"# {printable(line)}\n" for line in comments) + to_yaml(stripped(patch.after or {}))


def _json(item: Mending) -> dict[str, Any]:
    patch, proposal = item.patch, item.proposal
    return {
        "remedy": proposal.remedy,
        "summary": proposal.summary,
        "warnings": list(proposal.warnings),
        "action": patch.action.value,
        "mends": [
            {"fingerprint": one.fingerprint, "code": one.code, "ref": str(one.ref), "title": one.title}
            for one in item.mends
        ],
        "manifest": stripped(patch.after or {}),
    }
