"""Reads a case file: manifests, and comments that are the assertion.

`# expect: NAMESPACE/WORKLOAD HOST:PORT PROTOCOL [@IP] => VERDICT [via CLUSTER][; CLAUSE]…` where a clause is
`step "title"`, `says "words of the evidence"`, `unknown "words"`, `fix REMEDY` ("fix text" for one without
a remedy), `no fix`, `nothing unknown`, `stopped "title"` (what refuses it after the mesh), `arrives` or
`status NUMBER` (of HTTP, that the application sees from its own proxy; `status None`).
`# gap: KIND NAMESPACE reason` says what could not be read (`*` for the whole cluster).

With `# switch: mesh NAMESPACE/REVISION` or `# switch: namespace NAME` the verdict is the one under
REGISTRY_ONLY, and there are more clauses: `outcome OUTCOME`, `reason "words"` (why the policy of the scope
would change or not), `writes REF` (an object of the switch), `writes nothing`, `loses NUMBER` (services).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from apps.mesh.breakage import Breakage, Cell, ScopeBreakage, breakage, lost_services
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import speedscale
from apps.mesh.namedhosts import NamedHost
from apps.mesh.outboundswitch import Choice
from apps.mesh.parsing.files import load_text
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Gap, Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol

HOSTS = speedscale()
CASES = Path(__file__).parent / "cases"
_EXPECT = re.compile(
    r"# expect: (?P<ns>\S+?)/(?P<name>\S+) (?P<host>\S+):(?P<port>\d+) (?P<protocol>TLS|HTTP|TCP)"
    r"(?: @(?P<ip>\S+))? => (?P<verdict>[a-z0-9-]+)(?: via (?P<cluster>[^;\s]+))?(?P<clauses>(?:; .*)?)$"
)
_SWITCH = re.compile(r"^# switch: (mesh|namespace) (\S+)$", re.MULTILINE)
_GAP = re.compile(r"# gap: (?P<kind>\S+) (?P<ns>\S+) (?P<reason>.+)$")


@dataclass(frozen=True, slots=True)
class Switched:
    """A cell under the switch, with its scope and everything else."""

    found: Breakage
    row: ScopeBreakage
    cell: Cell


@dataclass(frozen=True, slots=True)
class Expectation:
    line: str
    namespace: str
    workload: str
    destination: Destination
    verdict: str
    cluster: str
    clauses: tuple[str, ...]

    def violated_by(self, answer: EgressAnswer, switched: Switched | None = None) -> list[str]:
        """What of the expectation the answer does not meet, a sentence each."""
        wrong = []
        if answer.verdict != self.verdict:
            wrong.append(f"verdict is {answer.verdict}")
        if self.cluster and answer.cluster != self.cluster:
            wrong.append(f"cluster is {answer.cluster!r}")
        unmet = (clause for clause in self.clauses if not _meets(clause, answer, switched))
        wrong.extend(f"not met: {clause}" for clause in unmet)
        return wrong


def base_and(text: str) -> Snapshot:
    """The mesh that every case starts from, with the objects of a case's text laid over it."""
    base = load_text((CASES / "mesh.yaml").read_text())
    own = load_text(text)
    assert not base.problems
    assert not own.problems, own.problems
    return Snapshot.from_manifests([*base.manifests, *own.manifests], gaps=gaps_of(text))


def gaps_of(text: str) -> list[Gap]:
    found = (_GAP.match(line) for line in text.splitlines())
    return [Gap(m["kind"], m["ns"].replace("*", ""), m["reason"]) for m in found if m]


def choice_of(text: str) -> Choice | None:
    """What is switched in a case; None for a case without a switch."""
    match = _SWITCH.search(text)
    if match is None:
        return None
    return Choice(plane=match[2]) if match[1] == "mesh" else Choice(namespace=match[2])


def _switched(
    snapshot: Snapshot, choice: Choice, expectation: Expectation, workload: ResourceRef
) -> Switched:
    asked = (NamedHost(expectation.destination),)
    found = breakage(snapshot, choice, lambda _: (asked, 0))
    row = next(item for item in found.scopes if workload in item.scope.workloads)
    return Switched(found, row, row.cells[0])


def violations(text: str) -> list[str]:
    """What the engine's answers to a case do not meet, with the evidence; empty when all is as expected."""
    snapshot = base_and(text)
    engine = EgressEngine(snapshot)
    choice = choice_of(text)
    expectations = expectations_of(text)
    assert expectations, "a case without an expectation asserts nothing"
    found = []
    for expectation in expectations:
        workload = snapshot.workload(expectation.namespace, expectation.workload)
        assert workload is not None
        switched = _switched(snapshot, choice, expectation, workload.ref) if choice is not None else None
        answer = switched.cell.after if switched else engine.answer(workload, expectation.destination)
        wrong = expectation.violated_by(answer, switched)
        told = "\n".join(f"  {step.title}: {step.text}" for step in answer.evidence)
        if wrong:
            found.append(f"{expectation.line}\n{wrong}\n{told}\n  {answer.unknowns} {answer.fix}")
    return found


def expectations_of(text: str) -> list[Expectation]:
    found = []
    for line in text.splitlines():
        if not line.startswith("# expect:"):
            continue
        match = _EXPECT.match(line)
        assert match, f"not an expectation: {line}"
        destination = Destination(
            match["host"], int(match["port"]), Protocol(match["protocol"]), match["ip"] or ""
        )
        destination = HOSTS.known(destination)
        clauses = tuple(part.strip() for part in match["clauses"].split("; ") if part.strip())
        found.append(
            Expectation(
                line,
                match["ns"],
                match["name"],
                destination,
                match["verdict"],
                match["cluster"] or "",
                clauses,
            )
        )
    return found


def _meets_switch(word: str, text: str, switched: Switched) -> bool:
    written = [str(patch.ref) for patch in switched.found.switch.patches]
    match word:
        case "outcome":
            return switched.cell.outcome == text
        case "reason":
            return text in switched.row.reason
        case "writes":
            return not written if text == "nothing" else text in written
    return lost_services(switched.found, switched.row).number == int(text)


def _meets(clause: str, answer: EgressAnswer, switched: Switched | None) -> bool:
    word, _, rest = clause.partition(" ")
    text = rest.strip().strip('"')
    if word in {"outcome", "reason", "writes", "loses"}:
        return switched is not None and _meets_switch(word, text, switched)
    match word:
        case "step":
            return any(text == step.title for step in answer.evidence)
        case "says":
            return any(text in f"{step.title}. {step.text}" for step in answer.evidence)
        case "unknown":
            return any(text in unknown for unknown in answer.unknowns)
        case "fix":
            return answer.fix is not None and answer.fix.remedy == ("" if text == "text" else text)
        case "stopped":
            return answer.stopped is not None and answer.stopped.title == text
        case "status":
            return str(answer.status) == text
        case "arrives":
            return answer.arrives
        case "nothing":
            return not answer.unknowns
        case "no":
            return text == "fix" and answer.fix is None
    raise AssertionError(f"unknown clause {clause!r}")
