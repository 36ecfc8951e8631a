"""What the egress engine has answered so far, by destination, and what of it a change leaves as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from apps.mesh.egress.candidates import Candidate
from apps.mesh.egress.judgement import Judgement
from apps.mesh.egress.positions import Position
from apps.mesh.egress.reach import Asked, Reach
from apps.mesh.verdicts import Destination, EgressAnswer

Signature = tuple[str, ...]
"""What workloads that Istio treats alike have in common; the first part is their namespace."""
Row = tuple[EgressAnswer, ...]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Memory:
    """Answers and rows of answers are known by the identity of workloads, which their snapshot keeps. `sent`
    tells who may be sent to the clusters of a host; some of it may be forgotten meanwhile."""

    judgements: dict[Destination, dict[Signature, tuple[Judgement, Asked]]] = field(default_factory=dict)
    answers: dict[Destination, dict[int, EgressAnswer]] = field(default_factory=dict)
    rows: dict[tuple[Destination, ...], dict[int, Row]] = field(default_factory=dict)
    candidates: dict[Destination, tuple[Candidate, ...]] = field(default_factory=dict)
    sent: dict[str, set[tuple[Destination, Signature]]] = field(default_factory=dict)

    def keep(self, destination: Destination, signature: Signature, found: Judgement, asked: Asked) -> None:
        """Remembers what was judged."""
        self.judgements.setdefault(destination, {})[signature] = (found, asked)
        for host in found.hosts:
            self.sent.setdefault(host, set()).add((destination, signature))

    def after(self, reach: Reach, positions: Mapping[int, Position], away: Collection[int]) -> Memory:
        """What a change leaves: all that it does not reach. `away` are the workloads that no longer stand
        where they did, `positions` those of the others."""
        made = Memory(sent={host: set(known) for host, known in self.sent.items()})
        gone: dict[Destination, set[Signature]] = {}
        for host in reach.hosts:
            for destination, signature in self.sent.get(host, ()):
                gone.setdefault(destination, set()).add(signature)
        for destination, judged in self.judgements.items():
            found = self.candidates.get(destination, ())
            if not reach.near(destination, found):
                made.candidates[destination] = found
            for test in reach.tests(destination, found):
                signs = (sign for sign, (_, asked) in judged.items() if test(asked))
                gone.setdefault(destination, set()).update(signs)
            moved = {sign for sign in judged if sign[0] in reach.moved} if reach.moved else set()
            made.judgements[destination] = _without(judged, moved | gone.get(destination, set()))
        lost = set(away)
        for destination, answers in self.answers.items():
            signatures, ids = gone.get(destination), set(away)
            if signatures:
                ids |= {key for key in answers if key in positions and positions[key].signature in signatures}
            if reach.onward or reach.gateways:
                for key, answer in answers.items():
                    stands = positions.get(key)
                    if stands is None or reach.goes_on(stands.signature[0], destination, answer):
                        ids.add(key)
            made.answers[destination] = _without(answers, ids)
            lost |= ids
        for destinations, rows in self.rows.items():
            made.rows[destinations] = _without(rows, lost)
        return made


def _without(known: Mapping[K, V], keys: Collection[K]) -> dict[K, V]:
    made = dict(known)
    for key in keys:
        made.pop(key, None)
    return made
