"""Every rule against its cases, and what the catalogue promises of all rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from apps.mesh.analyse import CRASH_CODE, analyse
from apps.mesh.rules.base import InEachNamespace, OneByOne, Rule, RuleContext
from apps.mesh.rules.catalogue import RULES, rule
from apps.mesh.snapshot import Snapshot
from bin.rule_docs import outdated, pages
from tests.mesh.rule_cases import HOSTS, RuleCase, case_snapshot, cases, found

CASES = cases()
IDS = [f"{case.code}-{case.name}" for case in CASES]


@cache
def _parsed(code: str, name: str) -> Snapshot:
    """The snapshot of a case, parsed once for all rules that look at it."""
    return case_snapshot(code, name)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_rule_finds_what_its_case_expects(case: RuleCase) -> None:
    checked = rule(case.code)
    assert checked is not None
    assert found(checked, case.snapshot()) == list(case.expected)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_no_rule_crashes_on_any_case(case: RuleCase) -> None:
    analysis = analyse(case.snapshot(), HOSTS)
    assert [f.message for f in analysis.findings if f.code == CRASH_CODE] == []
    assert len({f.fingerprint for f in analysis.findings}) == len(analysis.findings)


def test_codes_and_names_are_used_once() -> None:
    assert len({item.code for item in RULES}) == len(RULES)
    assert len({item.name for item in RULES}) == len(RULES)


@pytest.mark.parametrize("checked", RULES, ids=lambda item: item.code)
def test_a_rule_lives_in_the_file_of_its_name(checked: Rule) -> None:
    check = checked.check.judge if isinstance(checked.check, InEachNamespace | OneByOne) else checked.check
    path = Path(check.__code__.co_filename)
    assert path.stem.replace("_", "-") == checked.name


@pytest.mark.parametrize("checked", RULES, ids=lambda item: item.code)
def test_a_rule_has_a_firing_and_a_silent_case(checked: Rule) -> None:
    assert {case.fires for case in CASES if case.code == checked.code} == {True, False}


@pytest.mark.parametrize("checked", RULES, ids=lambda item: item.code)
def test_a_rule_declares_exactly_the_kinds_it_reads(checked: Rule) -> None:
    read: set[str] = set()
    for case in CASES:
        snapshot, reads = _parsed(case.code, case.name).recording()
        list(checked.check(RuleContext(snapshot, HOSTS)))
        read |= reads
    assert read == set(checked.inputs)


@pytest.mark.parametrize("checked", RULES, ids=lambda item: item.code)
def test_a_rule_teaches_what_it_looks_for(checked: Rule) -> None:
    assert len(checked.doc.split()) >= 40
    assert not checked.title.endswith(".")


def test_every_check_has_a_current_page() -> None:
    assert outdated() == []
    assert {f"{item.code}.md" for item in RULES} <= pages().keys()
