"""Rule cases: small YAML files whose comments say what they stand on and what must be found.

    # What the case shows.
    # base: mesh, speedscale          (files of cases/rules/base, laid down before)
    # expect: warning Sidecar shop/default spec.egress[0].hosts
    # expect: nothing

`expect` lines are the assertion: severity, object, field path, in the order of the findings' objects. Two
more say what is offered for them:

    # mended by: declare-istio-cni
    # left: declare-istio-cni: somebody wrote that     (a part of the reason)

Beside Speedscale's hosts stand those of another product, which the namespaces `pay-*` need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from apps.mesh.hostsets import HostSet, Needed, RequiredHost, Tier, speedscale
from apps.mesh.parsing.files import load_text
from apps.mesh.refs import Manifest
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.snapshot import Snapshot

ROOT = Path(__file__).parent / "cases" / "rules"
NOTHING = "nothing"
MENDED = "mended by:"
MARKS = ("expect:", "base:", "left:", MENDED)
CARDS = HostSet(
    name="cards",
    edition="7",
    provenance="the contract",
    hosts=(
        RequiredHost("api.cards.example", Tier.REQUIRED, "payments", "checkout"),
        RequiredHost("reports.cards.example", Tier.DOCUMENTED, "statements", "billing", 8443),
        RequiredHost("www.cards.example", Tier.INFORMATIONAL, "the shop window", "people"),
    ),
)
HOSTS = replace(speedscale(), beside=(Needed(CARDS, ("pay-*",)),))


@dataclass(frozen=True, slots=True)
class RuleCase:
    code: str
    name: str
    about: str
    bases: tuple[str, ...]
    expected: tuple[str, ...]
    text: str
    mended_by: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()

    @property
    def fires(self) -> bool:
        return bool(self.expected)

    def snapshot(self) -> Snapshot:
        """The bases and the case; an object of the case replaces the base's. Read once: every check is
        held against every case."""
        return _read(self.bases, self.text)


@cache
def _read(bases: tuple[str, ...], text: str) -> Snapshot:
    manifests: list[Manifest] = []
    for part in (*(base_text(base) for base in bases), text):
        loaded = load_text(part)
        assert not loaded.problems, loaded.problems
        manifests.extend(loaded.manifests)
    return Snapshot.from_manifests(manifests)


def base_text(name: str) -> str:
    return (ROOT / "base" / f"{name}.yaml").read_text()


def laid(*bases: str, more: str = "") -> Snapshot:
    """A snapshot of base files, and of more YAML over them."""
    texts = [*(base_text(base) for base in bases), more]
    return Snapshot.from_manifests([m for text in texts for m in load_text(text).manifests])


def case_snapshot(code: str, name: str) -> Snapshot:
    """The snapshot of one case."""
    return next(case for case in cases() if (case.code, case.name) == (code, name)).snapshot()


def cases() -> list[RuleCase]:
    """Every case, ordered by code and name."""
    return [_case(path) for path in sorted(ROOT.glob("*/*.yaml")) if path.parent.name != "base"]


def found(rule: Rule, snapshot: Snapshot) -> list[str]:
    """What a rule finds, in the words of `expect`."""
    findings = rule.check(RuleContext(snapshot, HOSTS))
    return sorted(f"{f.severity} {f.ref} {f.path}".strip() for f in findings)


def _case(path: Path) -> RuleCase:
    text = path.read_text()
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    expected = [c.removeprefix("expect:").strip() for c in comments if c.startswith("expect:")]
    assert expected, f"{path} expects nothing in particular"
    bases = next((c.removeprefix("base:") for c in comments if c.startswith("base:")), "")
    about = " ".join(c for c in comments if not c.startswith(MARKS))
    left = [c.removeprefix("left:").strip().partition(": ") for c in comments if c.startswith("left:")]
    return RuleCase(
        code=path.parent.name,
        name=path.stem,
        about=about,
        bases=tuple(base.strip() for base in bases.split(",") if base.strip()),
        expected=tuple(sorted(e for e in expected if e != NOTHING)),
        text=text,
        mended_by=tuple(c.removeprefix(MENDED).strip() for c in comments if c.startswith(MENDED)),
        left=tuple((name, reason) for name, _, reason in left),
    )
