"""The small pure parts of the pages: lines, differences, times, bars, effects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.common import badges
from apps.console import effects, figures, matrix, times, yamltext
from apps.console.difference import difference
from apps.mesh.patches import to_yaml
from apps.mesh.verdicts import Verdict

MANIFEST = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "default", "annotations": {"a.io/b": "x: y"}},
    "spec": {
        "egress": [{"hosts": ["./*", "istio-system/*"]}, {"port": {"number": 443}, "hosts": ["a/*"]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    },
}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("spec.egress[0].hosts", "    - hosts:"),
        ("spec.egress[1].hosts", "      hosts:"),
        ("spec.egress[1].port.number", "        number: 443"),
        ("spec.outboundTrafficPolicy.mode", "    mode: REGISTRY_ONLY"),
        ("metadata.name", "  name: default"),
        ("spec.egress[0].nothing", "    - hosts:"),
        ("spec.nothing", "spec:"),
    ],
)
def test_a_field_is_found_on_its_line_or_on_its_nearest_parent_s(path: str, line: str) -> None:
    text = to_yaml(MANIFEST)
    assert text.splitlines()[yamltext.line_of(text, path) - 1] == line


def test_a_key_with_dots_is_found_by_its_name_in_brackets() -> None:
    text = to_yaml({"metadata": {"annotations": {"example.com/a": "x", "example.com/b.c": "y"}, "name": "x"}})
    line = yamltext.line_of(text, "metadata.annotations[example.com/b.c]")
    assert text.splitlines()[line - 1].strip().startswith("example.com/b.c:")


def test_a_field_of_another_object_is_on_no_line() -> None:
    assert yamltext.line_of(to_yaml(MANIFEST), "status.x") == 0


def test_lines_put_together_are_the_text_again() -> None:
    text = to_yaml(MANIFEST)
    again = [f"{one.indent}{one.key}{':' if one.key else ''}{one.value}" for one in yamltext.lines(text)]
    assert "\n".join(again) + "\n" == text


def test_a_text_beyond_reason_is_cut() -> None:
    assert len(yamltext.lines("x\n" * 6000)) == yamltext.MAX_LINES


def test_a_difference_numbers_both_sides_and_names_the_field() -> None:
    after = {**MANIFEST, "spec": {**MANIFEST["spec"], "outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}}  # type: ignore[dict-item]
    found = difference(to_yaml(MANIFEST), to_yaml(after))
    assert (found.added, found.removed) == (1, 1)
    assert found.rows[0].hunk == "spec.outboundTrafficPolicy"
    changed = [row for row in found.rows if row.css in ("add", "del")]
    assert [row.spoken for row in changed] == ["removed: ", "added: "]
    assert changed[0].before == changed[1].after


def test_a_creation_is_all_added() -> None:
    text = to_yaml(MANIFEST)
    found = difference("", text)
    assert found.added == len(text.splitlines())
    assert not found.removed


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=12), "12 s"),
        (timedelta(minutes=3, seconds=59), "3 min"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(days=14, hours=5), "14 d"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_a_length_of_time_in_words(length: timedelta, words: str) -> None:
    assert times.span(length) == words


def test_times_are_relative_under_a_day_and_absolute_above() -> None:
    assert times.ago(NOW - timedelta(hours=2), NOW) == "2 h ago"
    assert times.ago(NOW - timedelta(days=3), NOW) == "20 Nov, 12:00 UTC"
    assert times.ago(NOW - timedelta(days=400), NOW) == "19 Oct 2025, 12:00 UTC"
    assert times.ago(NOW + timedelta(days=6), NOW) == "in 6 d"


def test_a_bar_leaves_out_what_is_zero_and_fills_the_whole() -> None:
    bar = figures.bar([("ok", 3), ("warn", 0), ("bad", 1)], figure="", words="")
    assert [(one.tone, one.x, one.width) for one in bar.segments] == [
        ("ok", "0.00%", "75.00%"),
        ("bad", "75.00%", "25.00%"),
    ]
    assert figures.bar([("ok", 0)], figure="", words="").segments == ()
    assert figures.percent(0, 0) == "none"


def test_every_verdict_of_the_core_has_a_badge() -> None:
    assert set(badges.VERDICTS) == {verdict.value for verdict in Verdict} | {badges.STOPPED}


def test_a_verdict_is_named_by_the_status_that_the_application_sees() -> None:
    assert badges.of_verdict("blocked-503", 500).word == "Blocked, HTTP 500 of the proxy"
    assert badges.of_verdict("blocked-503", 404).short == "404"
    assert badges.of_verdict("blocked-503", None) == badges.VERDICTS["blocked-503"]
    assert badges.of_verdict("blocked-502", 502) == badges.VERDICTS["blocked-502"]
    assert badges.of_verdict("allowed-registry", 200) == badges.VERDICTS["allowed-registry"]


@pytest.mark.parametrize(
    ("host", "lead"),
    [("gcr.io", "gcr"), ("*.s3.us-east-1.amazonaws.com", "*.s3"), ("localhost", "localhost")],
)
def test_a_column_leads_with_what_tells_hosts_apart(host: str, lead: str) -> None:
    assert matrix.lead(host) == lead


def cell(scope: str, host: str, workloads: int) -> dict[str, object]:
    return {"scope_key": scope, "host": host, "port": 443, "protocol": "TLS", "workloads": workloads}


def test_an_effect_counts_each_scope_s_workloads_once() -> None:
    prediction = {
        "difference": {
            "opened": [cell("a", "gcr.io", 6), cell("a", "x.io", 6), cell("b", "gcr.io", 2)],
            "closed": [],
            "newly_broken": [
                {"scope_key": "c", "label": "c", "namespace": "c", "workloads": 5, "lost": 3, "blocked": 2,
                 "examples": ["x:80"]},
                {"scope_key": "d", "label": "d", "namespace": "d", "workloads": 9, "lost": 1, "blocked": 0},
            ],
            "unchanged": 4,
            "findings_disappear": [{"code": "SS01", "title": "t", "ref": {"kind": "K", "name": "n"}}],
        }
    }  # fmt: skip
    found = effects.effect({"one": prediction, "two": {}})
    assert (found.opened, found.scopes_opened, found.workloads_opened) == (3, 2, 8)
    assert [(one.host, one.scopes, one.workloads) for one in found.hosts_opened] == [
        ("gcr.io", 2, 8),
        ("x.io", 1, 6),
    ]
    assert found.breaks
    assert found.workloads_lost == 5
    assert found.findings == "\u22121"
    assert not found.quiet
    assert effects.effect({"one": {}}).quiet
