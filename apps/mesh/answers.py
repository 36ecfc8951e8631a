"""Recorded answers of a real istiod against this console's: the format, and where the two differ.

Knows nothing of files and of how differences are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from apps.mesh.egress import EgressEngine
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol, Verdict

DIFFERS = "differs:"
SHARED_ADDRESS = "shared-address"


@dataclass(frozen=True, slots=True)
class RecordedProbe:
    """One question with the answer that was recorded; `cluster` "" where none was, or where it is not
    to be compared."""

    workload: str
    destination: Destination
    verdict: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class RecordedCase:
    id: str
    tags: tuple[str, ...]
    manifests: tuple[dict[str, Any], ...]
    probes: tuple[RecordedProbe, ...]

    @property
    def tagged(self) -> bool:
        """Newer Istio may answer differently, on purpose."""
        return any(tag.startswith(DIFFERS) for tag in self.tags)


@dataclass(frozen=True, slots=True)
class Compared:
    """A recorded answer beside ours; `ours` is None when the workload is not in the case."""

    case: RecordedCase
    probe: RecordedProbe
    ours: EgressAnswer | None

    @property
    def agrees(self) -> bool:
        if self.ours is None or self.ours.verdict != self.probe.verdict:
            return False
        return not self.probe.cluster or self.ours.cluster == self.probe.cluster


@dataclass(slots=True)
class Tally:
    """Counts as comparisons go by; `plain` are those of cases without a `differs:` tag."""

    total: int = 0
    agreeing: int = 0
    plain: int = 0
    plain_agreeing: int = 0

    def count(self, compared: Compared) -> None:
        self.total += 1
        self.agreeing += compared.agrees
        if not compared.case.tagged:
            self.plain += 1
            self.plain_agreeing += compared.agrees

    @property
    def passed(self) -> bool:
        return self.plain_agreeing == self.plain

    def __str__(self) -> str:
        plain = f"{self.plain_agreeing} of {self.plain} without a differs tag"
        return f"{self.agreeing} of {self.total} verdicts agree ({plain})"


def read_case(line: str | bytes) -> RecordedCase:
    """A line of the recording. Raises ValueError with a sentence when it is not one."""
    try:
        data = json.loads(line)
        tags = tuple(data.get("tags", ()))
        shared = SHARED_ADDRESS in tags
        return RecordedCase(
            id=str(data["id"]),
            tags=tags,
            manifests=tuple({**manifest} for manifest in data["manifests"]),
            probes=tuple(_probe(probe, shared) for probe in data["probes"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"This line is not a recorded case: {type(error).__name__} {error}") from error


def compare(case: RecordedCase) -> Iterator[Compared]:
    """Our answer to each probe of a case."""
    snapshot = Snapshot.from_manifests(case.manifests)
    engine = EgressEngine(snapshot)
    for probe in case.probes:
        namespace, _, name = probe.workload.partition("/")
        workload = snapshot.workload(namespace, name)
        ours = engine.answer(workload, probe.destination) if workload is not None else None
        yield Compared(case, probe, ours)


def compare_all(lines: Iterable[str | bytes]) -> Iterator[Compared]:
    for line in lines:
        if line.strip():
            yield from compare(read_case(line))


def describe(compared: Compared) -> list[str]:
    """A difference in lines of text: case, probe, recorded, ours with its evidence."""
    probe, ours = compared.probe, compared.ours
    at = f" at {probe.destination.ip}" if probe.destination.ip else ""
    tags = ", ".join(compared.case.tags)
    asked = f"{probe.workload} to {probe.destination} {probe.destination.protocol}{at}"
    lines = [
        f"{compared.case.id} [{tags}]: {asked}",
        f"  recorded: {_named(probe.verdict, probe.cluster)}",
    ]
    if ours is None:
        return [*lines, "  ours: the workload is not among the manifests"]
    lines.append(f"  ours: {_named(ours.verdict, ours.cluster)}")
    for step in ours.evidence:
        where = f" [{step.ref} {step.path}]".replace(" ]", "]") if step.ref is not None else ""
        lines.append(f"    {step.title}: {step.text}{where}")
    return [*lines, *(f"    not known: {unknown}" for unknown in ours.unknowns)]


def _named(verdict: str, cluster: str) -> str:
    return f"{verdict} ({cluster})" if cluster else str(verdict)


def _probe(data: dict[str, Any], shared: bool) -> RecordedProbe:
    registry = data["verdict"] == Verdict.ALLOWED_REGISTRY
    return RecordedProbe(
        workload=str(data["workload"]),
        destination=Destination(
            str(data["host"]), int(data["port"]), Protocol(data["protocol"]), str(data.get("ip") or "")
        ),
        verdict=str(data["verdict"]),
        cluster=str(data.get("cluster") or "") if registry and not shared else "",
    )
