"""Coverage over time on the pages: the line and its gaps, words and table, files, and who sees what."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import CoverageDay
from apps.analysis.trend import Counts, Day, Series
from apps.clusters.models import Cluster, Pause
from apps.common.clock import now
from apps.console.sparkline import trend
from tests.factories.clusters import cluster as make_cluster
from tests.factories.coverage import ago, covered, registered
from tests.factories.people import person

As = Callable[[User], Client]


def series(*percents: int | None) -> Series:
    """Days of November; None is a gap, -1 a day with nothing expected."""
    days = []
    for at, percent in enumerate(percents, start=1):
        counts = (
            Counts(100, 100 if percent >= 0 else 0, {"ebpf": max(percent, 0)})
            if percent is not None
            else None
        )
        days.append(Day(date(2026, 11, at), counts, () if counts else ("shop",)))
    return Series(tuple(days))


def test_the_line_is_broken_at_gaps_and_a_day_alone_is_a_dash() -> None:
    drawn = trend(series(0, 100, None, 50, None, None, -1), 7)
    assert drawn.path == "M0.5 94.0L1.5 6.0M3.2 50.0H3.8"
    assert (drawn.width, drawn.gaps) == (7, ((2, 1), (4, 2)))
    assert drawn.latest == drawn.series.days[3]
    assert [day.day.day for day in drawn.days] == [7, 6, 5, 4, 3, 2, 1]
    assert drawn.words == (
        "Captured as expected, 7 days; 0.0% on 2026-11-01, 50.0% on 2026-11-04; "
        "lowest 0.0%, highest 100.0%; not read on 3 days."
    )


def test_today_stands_at_the_end_and_days_before_the_first_record_stay_empty() -> None:
    drawn = trend(series(None, 100), 30)
    assert (drawn.width, drawn.path, drawn.gaps) == (30, "M29.2 6.0H29.8", ((28, 1),))


def test_days_without_a_figure_draw_no_line() -> None:
    drawn = trend(series(-1), 1)
    assert (drawn.path, drawn.gaps, drawn.latest) == ("", (), None)
    assert "no day with an expected capture; no gap" in drawn.words
    assert trend(Series(()), 30).path == ""


@pytest.fixture
def recorded(shop: Cluster) -> Cluster:
    covered(registered(shop, 9), 2, sidecar=3, expected=4, total=12)
    covered(shop, 0, sidecar=4, expected=4, total=12)
    return shop


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_cluster_shows_its_days_with_the_gap(recorded: Cluster, victor: User, as_: As) -> None:
    page = text(as_(victor), "/clusters/shop/")
    assert 'd="M27.2 28.0H27.8M29.2 6.0H29.8"' in page
    assert page.count('<rect class="fig-off" x="28"') == 3  # the cluster, and its two namespaces
    assert 'scope="row" class="nowrap">payments</th>' in page
    assert f"75.0% on {ago(2)}, 100.0% on {ago(0)}; lowest 75.0%, highest 100.0%; not read on 1 day." in page
    assert "Gap: no complete reading of shop." in page
    assert re.search(r">\s*3 of 4</td>", page)
    assert "shop, day by day" in page


def test_namespaces_are_drawn_the_least_covered_first_and_not_all(
    recorded: Cluster, victor: User, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = CoverageDay.objects.get(cluster=recorded, day=ago(0))
    row.namespaces["catalog"] = {"total": 3, "expected": 2, "by_kind": {"sidecar": 1}}
    row.save()
    page = text(as_(victor), "/clusters/shop/")
    assert page.index(">catalog</th>") < page.index(">payments</th>") < page.index(">quiet</th>")
    narrow = text(as_(person("nina", "viewer", namespace="payments")), "/clusters/shop/")
    assert ">payments</th>" in narrow
    assert ">catalog</th>" not in narrow
    monkeypatch.setattr("apps.console.views.clusters.TREND_SPACES", 1)
    assert "2 more namespaces, covered at least as well" in text(as_(victor), "/clusters/shop/")


def test_a_paused_cluster_is_left_out_with_a_mark(recorded: Cluster, victor: User, as_: As) -> None:
    other = registered(make_cluster("till", "production"), 9)
    covered(other, 2, sidecar=4, expected=4)
    Pause.objects.create(cluster=other, since=now() - timedelta(days=1))
    page = text(as_(victor), "/")
    assert '<rect class="fig-off" x="29" y="92" width="1" height="8"/>' in page
    assert "a paused cluster left out on 2 days." in page
    assert "without till: paused" in page
    assert "Not added up: till was paused." in text(as_(victor), "/clusters/till/")


def test_a_cluster_that_was_never_recorded_says_so(shop: Cluster, victor: User, as_: As) -> None:
    for path in ("/", "/clusters/shop/"):
        assert "Nothing recorded yet" in text(as_(victor), path)


def test_the_fleet_adds_up_what_one_may_see(recorded: Cluster, victor: User, as_: As) -> None:
    covered(registered(make_cluster("edge", "lab"), 9), 2, sidecar=0, expected=4)
    page = text(as_(victor), "/")
    assert "37.5% on" in page  # (3 + 0) of (4 + 4)
    assert "Gap: no complete reading of edge." in page
    assert "Gap: no complete reading of shop, edge." in page or "of edge, shop." in page
    limited = text(as_(person("lee", "viewer", environment="production")), "/")
    assert "edge" not in limited
    assert "37.5%" not in limited


def test_the_part_that_is_asked_for_again_leaves_the_days_out(
    recorded: Cluster, victor: User, as_: As
) -> None:
    answer = as_(victor).get("/", headers={"HX-Request": "true"})
    assert "over time" not in answer.content.decode()


def test_files(recorded: Cluster, victor: User, as_: As) -> None:
    client = as_(victor)
    for path, lines in (("/?format=csv", 7), ("/clusters/shop/?format=csv", 10)):
        answer = client.get(path)
        body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert answer["Content-Type"].startswith("text/csv")
        assert len(body.splitlines()) == lines
        assert f"{ago(2)},production,shop,,yes,3,4,75.0,12,25.0,sidecar 3," in body or path == "/?format=csv"


def test_a_stranger_gets_no_file(recorded: Cluster, eve: User, as_: As) -> None:
    assert as_(eve).get("/clusters/shop/?format=csv").status_code == 404
    assert "shop" not in as_(eve).get("/?format=csv").content.decode()
