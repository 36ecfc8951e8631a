"""What is said of blocked hosts is true and does not let one bad scope hide everything else."""

from __future__ import annotations

from typing import Any

import pytest

from apps.console import blocked

CLOUDWATCH = "monitoring.us-east-1.amazonaws.com"


def known(
    by_host: dict[str, int], closed: int = 0, by_sidecar: int = 0, *, hosts: int | None = None
) -> dict[str, Any]:
    return {
        "required_hosts": 10,
        "blocked_hosts": hosts if hosts is not None else 10 if closed else len(by_host),
        "closed_scopes": closed,
        "closed_by_sidecar": by_sidecar,
        "blocked_by_host": by_host,
    }


@pytest.mark.parametrize(
    ("figures", "sentence", "short"),
    [
        ({}, "", ""),
        (known({}), "", ""),
        (known({CLOUDWATCH: 1}), f"{CLOUDWATCH} is blocked for 1 egress scope", "1 blocked"),
        (
            known({CLOUDWATCH: 13}, 4, 4),
            f"{CLOUDWATCH} is blocked for 13 egress scopes; all 10 hosts for 4 more (by their Sidecars)",
            "1 blocked, all for 4 scopes",
        ),
        (
            known({}, 1, 1),
            "all 10 required hosts are blocked for 1 egress scope (by its Sidecar)",
            "All blocked for 1 scope",
        ),
        (
            known({}, 3, 1),
            "all 10 required hosts are blocked for 3 egress scopes (1 of them by Sidecars)",
            "All blocked for 3 scopes",
        ),
        (known({"a.b": 3, "c.d": 3}), "a.b and c.d are blocked for 3 egress scopes each", "2 blocked"),
        (
            known({"a.b": 1, "c.d": 1, "e.f": 1}),
            "a.b and 2 other hosts are blocked for 1 egress scope each",
            "3 blocked",
        ),
        (known({"a.b": 2, "c.d": 7}), "c.d is blocked for 7 egress scopes, a.b for 2", "2 blocked"),
        (
            known({"a.b": 2, "c.d": 7, "e.f": 2}),
            "c.d is blocked for 7 egress scopes, 2 other hosts for 2 each",
            "3 blocked",
        ),
        (
            known({"a.b": 2, "c.d": 7, "e.f": 3}),
            "c.d is blocked for 7 egress scopes, 2 other hosts for up to 3 each",
            "3 blocked",
        ),
        (
            {"required_hosts": 10, "blocked_hosts": 2, "blocked_scopes": 5},
            "2 of 10 Speedscale hosts are blocked for at least one of 5 egress scopes",
            "2 blocked",
        ),
    ],
)
def test_the_sentence_names_the_host_and_tells_closed_scopes_apart(
    figures: dict[str, Any], sentence: str, short: str
) -> None:
    assert blocked.sentence(figures) == sentence
    assert blocked.short(figures) == short


def test_the_host_that_stands_out_over_the_fleet_is_named_and_a_tie_names_none() -> None:
    assert blocked.most_often([known({"a.b": 2, "c.d": 3}), known({"a.b": 2}), {}]) == "a.b"
    assert blocked.most_often([known({"a.b": 2, "c.d": 2})]) == ""
    assert blocked.most_often([known({}, 4, 4)]) == ""
