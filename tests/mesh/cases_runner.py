"""Reads a case file: manifests, and comments that are the assertion.

`# expect: NAMESPACE/WORKLOAD HOST:PORT PROTOCOL [@IP] => VERDICT [via CLUSTER][; CLAUSE]…` where a clause is
`step "title"`, `says "words of the evidence"`, `unknown "words"`, `fix REMEDY` ("fix text" for one without
a remedy), `no fix`, `nothing unknown`, `stopped "title"` (what refuses it after the
mesh) or `arrives`. `# gap: KIND NAMESPACE reason` says what could not be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from apps.mesh.egress import EgressEngine
from apps.mesh.parsing.files import load_text
from apps.mesh.snapshot import Gap, Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol

CASES = Path(__file__).parent / "cases"
_EXPECT = re.compile(
    r"# expect: (?P<ns>\S+?)/(?P<name>\S+) (?P<host>\S+):(?P<port>\d+) (?P<protocol>TLS|HTTP|TCP)"
    r"(?: @(?P<ip>\S+))? => (?P<verdict>[a-z0-9-]+)(?: via (?P<cluster>[^;\s]+))?(?P<clauses>(?:; .*)?)$"
)
_GAP = re.compile(r"# gap: (?P<kind>\S+) (?P<ns>\S+) (?P<reason>.+)$")


@dataclass(frozen=True, slots=True)
class Expectation:
    line: str
    namespace: str
    workload: str
    destination: Destination
    verdict: str
    cluster: str
    clauses: tuple[str, ...]

    def violated_by(self, answer: EgressAnswer) -> list[str]:
        """What of the expectation the answer does not meet, a sentence each."""
        wrong = []
        if answer.verdict != self.verdict:
            wrong.append(f"verdict is {answer.verdict}")
        if self.cluster and answer.cluster != self.cluster:
            wrong.append(f"cluster is {answer.cluster!r}")
        wrong.extend(f"not met: {clause}" for clause in self.clauses if not _meets(clause, answer))
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
    return [Gap(m["kind"], m["ns"], m["reason"]) for m in found if m]


def violations(text: str) -> list[str]:
    """What the engine's answers to a case do not meet, with the evidence; empty when all is as expected."""
    snapshot = base_and(text)
    engine = EgressEngine(snapshot)
    expectations = expectations_of(text)
    assert expectations, "a case without an expectation asserts nothing"
    found = []
    for expectation in expectations:
        workload = snapshot.workload(expectation.namespace, expectation.workload)
        assert workload is not None
        answer = engine.answer(workload, expectation.destination)
        wrong = expectation.violated_by(answer)
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


def _meets(clause: str, answer: EgressAnswer) -> bool:
    word, _, rest = clause.partition(" ")
    text = rest.strip().strip('"')
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
        case "arrives":
            return answer.arrives
        case "nothing":
            return not answer.unknowns
        case "no":
            return text == "fix" and answer.fix is None
    raise AssertionError(f"unknown clause {clause!r}")
