"""`manage.py registry_only --manifests DIR`: what outboundTrafficPolicy REGISTRY_ONLY would break.

The exit code is 0 when there is an answer, whatever would break, and 2 when the input cannot be used. With
`--fail` it is 1 when something would break, and 2 when nothing that could be read would, and something could
not be read.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from apps.analysis.management.manifests import USAGE_ERROR, ManifestsCommand
from apps.analysis.offline import Offline
from apps.analysis.plaintext import printable
from apps.analysis.registryonly import Answer, Question, answer, first, planes, typed_hosts
from apps.analysis.registryonly_json import first_json, head_json, scope_json
from apps.common.errors import InvalidInputError
from apps.mesh.breakage import Outcome, lost_services
from apps.mesh.namedhosts import named_hosts
from apps.mesh.openfirst import OpenFirst
from apps.mesh.outboundswitch import Choice
from apps.mesh.rules.wording import counted

UNBOUNDED = 10**9
UNSEEN = (
    "Only hosts that these manifests name, that a host set holds or that --host gives are asked about. "
    "What workloads call beside them cannot be seen here, and would be blocked too."
)


class Command(ManifestsCommand):
    help = "Says which hosts each egress scope would lose under outboundTrafficPolicy REGISTRY_ONLY."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--plane", metavar="NAMESPACE/REVISION", help="default: the only control plane")
        chosen.add_argument("--namespace", default="", help="only this one, by its Sidecars")
        parser.add_argument(
            "--host", action="append", default=[], metavar="HOST[:PORT[/PROTOCOL]]", help="also this one"
        )
        parser.add_argument(
            "--outcome", choices=[o.value for o in Outcome], action="append", default=[], help="only these"
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument(
            "--fail",
            action="store_true",
            help="exit 1 when something would be blocked, 2 when that is not sure",
        )

    def answer(self, offline: Offline, options: dict[str, Any]) -> tuple[str, int]:
        snapshot, hostset = offline.snapshot, self.hostset(options)
        question = Question(_choice(offline, options), hostset, typed_hosts(options["host"]))
        found = answer(snapshot, question, snapshot.derived(named_hosts), most=UNBOUNDED)
        opened = first(found, most=UNBOUNDED)
        outcomes = frozenset(map(Outcome, options["outcome"])) or frozenset(Outcome)
        code = _code(offline, found) if options["fail"] else 0
        assumptions = (*offline.assumptions, *offline.unread)
        if options["format"] == "json":
            told = {
                **head_json(found),
                "scopes": [scope_json(found, row, outcomes) for row in found.scopes],
                "open_first": first_json(opened),
                "assumptions": list(assumptions),
            }
            return json.dumps(told, indent=2), code
        lines = [*assumptions, *_lines(found, opened, outcomes)]
        return "\n".join(printable(line) for line in lines), code


def _code(offline: Offline, found: Answer) -> int:
    if found.found.count(Outcome.BREAKS):
        return 1
    return USAGE_ERROR if offline.unread else 0


def _choice(offline: Offline, options: dict[str, Any]) -> Choice:
    if options["namespace"]:
        return Choice(namespace=options["namespace"])
    known = planes(offline.snapshot)
    if not options["plane"] and len(known) != 1:
        told = f"choose one of {', '.join(known)}" if known else "there is none among the manifests"
        raise InvalidInputError(f"--plane says which control plane is meant; {told}.", field="plane")
    return Choice(plane=options["plane"] or known[0])


def _lines(found: Answer, opened: OpenFirst, outcomes: frozenset[Outcome]) -> Iterator[str]:
    yield f"REGISTRY_ONLY for {found.found.choice}"
    written = ", ".join(f"{patch.action} {patch.ref}" for patch in found.found.switch.patches)
    yield f"The switch writes: {written or 'nothing'}."
    yield from found.found.switch.notes
    yield ", ".join(f"{found.found.count(item)} {item}" for item in Outcome) + "."
    for row in found.scopes:
        yield ""
        yield f"{row.scope.namespace}: {row.scope.label}, {counted(len(row.scope.workloads), 'workload')}"
        yield f"  {row.reason}"
        for cell in sorted(row.cells, key=lambda item: item.outcome.rank):
            if cell.outcome in outcomes:
                asked = f"{cell.host.destination} {cell.host.destination.protocol}"
                by = f", by {cell.after.service}" if cell.after.service is not None else ""
                yield f"  {cell.outcome}: {asked} ({cell.before.verdict} -> {cell.after.verdict}{by})"
        lost = lost_services(found.found, row)
        if lost.number:
            yield f"  {counted(lost.number, 'unimported service')} too: {', '.join(lost.examples)}"
    yield ""
    yield f"Open first: {opened.summary or opened.reason}"
    for row, cell, why in opened.left:
        yield f"  not opened: {cell.host.destination} for {row.scope.namespace}. {why}"
    if opened.others:
        yield f"  and {counted(opened.others, 'host')} of scopes that nobody is known to call"
    yield UNSEEN
