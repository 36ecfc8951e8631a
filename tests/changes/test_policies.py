"""The rules of the policy: which match, which one wins, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.changes.policies import BUILT_IN, Level, Policy, PolicyError, Subject, evaluate, plain, read

PRODUCTION = Subject("production", "east", "shop", "ServiceEntry")
LAB = Subject("lab", "west", "shop", "ServiceEntry")


def policy(*rules: dict[str, Any], **more: Any) -> Policy:
    return read({"rules": [{"name": f"r{n}", **rule} for n, rule in enumerate(rules)], **more})


def test_the_built_in_policy_survives_being_written_and_read() -> None:
    assert read(plain(BUILT_IN)) == BUILT_IN


def test_a_policy_without_rules_asks_what_the_built_in_one_asks() -> None:
    risky = Subject("lab", "west", "shop", "Sidecar", Level.HIGH, frozenset({"bare-sidecar"}))
    for subjects in ([PRODUCTION], [LAB], [risky], [PRODUCTION, risky]):
        assert evaluate(Policy(), subjects) == evaluate(BUILT_IN, subjects)
    assert evaluate(Policy(), [PRODUCTION, risky]).required == 3


def test_the_most_restrictive_of_all_rules_that_match_wins() -> None:
    found = policy(
        {"approvals": 3, "environment": "prod*"}, {"approvals": 1}, {"more": 1, "kind": "Service*"}
    )
    assert evaluate(found, [PRODUCTION]).required == 4
    assert evaluate(found, [LAB]).required == 2
    assert evaluate(found, [LAB, PRODUCTION]).required == 4


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"cluster": "ea*"}, True),
        ({"cluster": "we*"}, False),
        ({"namespace": "sho?"}, True),
        ({"namespace": "pay"}, False),
        ({"kind": "Sidecar"}, False),
        ({"level": "medium"}, False),
        ({"risks": ["delete"]}, False),
    ],
)
def test_a_rule_matches_by_place_kind_and_risk(rule: dict[str, Any], matches: bool) -> None:
    found = policy({"approvals": 1}, {"approvals": 5, **rule})
    assert evaluate(found, [PRODUCTION]).required == (5 if matches else 1)


def test_risk_is_matched_by_the_least_level_and_by_any_of_the_codes() -> None:
    risky = Subject("lab", "west", "shop", "ServiceEntry", Level.HIGH, frozenset({"delete"}))
    assert evaluate(policy({"approvals": 4, "level": "medium"}), [risky]).required == 4
    assert evaluate(policy({"approvals": 4, "risks": ["take-over", "delete"]}), [risky]).required == 4


def test_groups_and_windows_of_every_rule_that_matches_are_asked_for() -> None:
    window = {"days": ["mon"], "opens": "09:00", "closes": "17:00", "timezone": "Europe/Berlin"}
    found = policy({"approvals": 1, "groups": ["mesh"], "windows": [window]}, {"groups": ["security"]})
    ruling = evaluate(found, [LAB])
    assert ruling.groups == ("mesh", "security")
    assert [name for name, _ in ruling.windows] == ["r0"]
    assert any("group security" in reason and "«r1»" in reason for reason in ruling.reasons)


def test_an_emergency_takes_one_approval_and_none_only_where_every_write_is_allowed_that() -> None:
    found = policy({"environment": "lab", "approvals": 1, "emergency": 0})
    assert evaluate(found, [LAB]).emergency == 0
    assert evaluate(found, [PRODUCTION]).emergency == 1
    assert evaluate(found, [LAB, PRODUCTION]).emergency == 1
    assert evaluate(BUILT_IN, [PRODUCTION]).emergency == 1


def test_a_freeze_counts_where_it_lies() -> None:
    freeze = {
        "reason": "Sale",
        "begins": "2026-11-20T00:00:00Z",
        "ends": "2026-11-30T00:00:00+01:00",
        "environment": "production",
    }
    found = policy(freezes=[freeze])
    assert [f.reason for f in evaluate(found, [LAB, PRODUCTION]).freezes] == ["Sale"]
    assert evaluate(found, [LAB]).freezes == ()


def ruled(**rule: Any) -> dict[str, Any]:
    return {"rules": [{"name": "a", "more": 1, **rule}]}


def frozen(begins: str, ends: str) -> dict[str, Any]:
    return {"freezes": [{"reason": "x", "begins": begins, "ends": ends}]}


def windowed(**window: str) -> dict[str, Any]:
    whole = {"days": ["mon"], "opens": "09:00", "closes": "17:00", "timezone": "UTC", **window}
    return ruled(windows=[whole])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ruled(approvals=0), "rules[0].approvals"),
        (ruled(aprovals=1), "aprovals"),
        (ruled(more=0), "asks for nothing"),
        ({"rules": [{"name": "a", "more": 1}, {"name": "a", "more": 2}]}, "Two rules have the name «a»"),
        (ruled(cluster="[x]"), "cluster"),
        (ruled(risks=["nonsense"]), "nonsense"),
        ({"rules": {}}, "rules"),
        (frozen("2026-01-01T00:00:00", "2026-01-02T00:00:00Z"), "begins"),
        (frozen("2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"), "ends before"),
        (windowed(opens="9"), "opens"),
        (windowed(timezone="Mars/Base"), "no time zone «Mars/Base»"),
    ],
)
def test_what_cannot_be_used_is_named(content: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(content)
    assert sentence in str(caught.value)


RULES = st.lists(
    st.fixed_dictionaries(
        {"environment": st.sampled_from(["*", "lab", "production"])},
        optional={"approvals": st.integers(1, 5), "more": st.integers(1, 3)},
    ).filter(lambda rule: len(rule) > 1),
    max_size=5,
)


@given(RULES, RULES)
def test_another_rule_never_lowers_the_bar_of_rules_that_give_a_number(
    first: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    base = [{"approvals": 1}, *first]
    for subject in (LAB, PRODUCTION):
        before = evaluate(policy(*base), [subject])
        after = evaluate(policy(*base, *more), [subject])
        assert after.required >= before.required
