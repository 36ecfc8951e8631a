"""Reads a case of mutual TLS: manifests laid over `mesh.yaml`, and comments that are the assertion.

    # expect: NAMESPACE/WORKLOAD[:PORT] => MODE by WHAT[; says "words"][; unknown "words"]
    # client: NAMESPACE LABEL=VALUE -> HOST:PORT [subset NAME] => SENT by WHAT
    # conflict: DestinationRule NS/NAME PATH SENT -> KIND NS/NAME:PORT MODE by POLICY
    # conflict: none
    # gap: KIND NAMESPACE reason            (* for the whole cluster)

WHAT is `Kind namespace/name path`, or `default`.
"""

from __future__ import annotations

import re
from pathlib import Path

from apps.mesh.clienttls import ClientTlsModes, MtlsConflict, mtls_conflicts
from apps.mesh.knownhosts import KnownHosts
from apps.mesh.mtls import mtls_modes
from apps.mesh.parsing.directories import load_directory
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from tests.mesh.cases_runner import CASES, gaps_of

FILES = sorted((CASES / "mtls").glob("*.yaml"))
_EXPECT = re.compile(r"(\S+?)/([^\s:]+)(?::(\d+))? => (\S+) by ([^;]+)(?:; (.*))?$")
_CLIENT = re.compile(r"(\S+) (\S+)=(\S+) -> (\S+):(\d+)(?: subset (\S+))? => (\S+) by (.+)$")


def snapshot_of(case: Path) -> Snapshot:
    base, own = load_directory(CASES / "mesh.yaml"), load_directory(case)
    assert not own.problems, own.problems
    return Snapshot.from_manifests([*base.manifests, *own.manifests], gaps=gaps_of(case.read_text()))


def violations(case: Path, snapshot: Snapshot) -> list[str]:
    """Every expectation that is not met, with what was found; raises when the case has none."""
    lines = [line[2:].split(": ", 1) for line in case.read_text().splitlines() if line.startswith("# ")]
    asked = [(word, rest[0]) for word, *rest in lines if word in _CHECKS and rest]
    assert asked, f"{case.name} asserts nothing"
    wrong = [found for word, text in asked if (found := _CHECKS[word](snapshot, text))]
    wanted = sorted(text for word, text in asked if word == "conflict" and text != "none")
    conflicts = sorted(map(_told, snapshot.derived(mtls_conflicts)))
    if any(word == "conflict" for word, _ in asked) and conflicts != wanted:
        wrong.append(f"conflicts are {conflicts}")
    return wrong


def _expected(snapshot: Snapshot, text: str) -> str:
    match = _EXPECT.match(text)
    assert match, text
    namespace, name, port, mode, what, clauses = match.groups()
    workload = snapshot.workload(namespace, name)
    assert workload is not None, text
    report = snapshot.derived(mtls_modes)[workload.ref]
    decided = report.ports.get(int(port), report.asked) if port else report.asked
    seen = report.mode_at(int(port)) if port else report.mode
    found = f"{seen} by {_what(decided.ref, decided.path)}"
    wrong = [] if found == f"{mode} by {what}" else [found]
    told = " ".join(f"{step.title}. {step.text}" for step in report.evidence)
    for clause in (clauses or "").split("; "):
        word, _, words = clause.partition(" ")
        where = {"says": told, "unknown": " ".join(report.unknowns), "": ""}[word]
        if words.strip('"') not in where:
            wrong.append(f"{clause} is not in {where!r}")
    return "; ".join(wrong)


def _client(snapshot: Snapshot, text: str) -> str:
    match = _CLIENT.match(text)
    assert match, text
    namespace, label, value, host, port, subset, sent, what = match.groups()
    services = snapshot.derived(KnownHosts).holding(host, namespace)
    assert services, f"{host} is not known"
    mode = snapshot.derived(ClientTlsModes).mode(
        namespace, {label: value}, services[0], int(port), subset or ""
    )
    found = f"{mode.sent} by {_what(mode.ref, mode.path)}"
    return "" if found == f"{sent} by {what}" else f"{text}: {found}"


def _what(ref: ResourceRef | None, path: str) -> str:
    return f"{ref} {path}" if ref is not None else "default"


def _told(conflict: MtlsConflict) -> str:
    client = f"{conflict.rule} {conflict.path} {conflict.sent}"
    server = f"{conflict.workload}:{conflict.server_port} {conflict.mode}"
    return f"{client} -> {server} by {conflict.policy or 'nothing'}"


def _told_later(_snapshot: Snapshot, _text: str) -> str:
    return ""


_CHECKS = {"expect": _expected, "client": _client, "conflict": _told_later}
