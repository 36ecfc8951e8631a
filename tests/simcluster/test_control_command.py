"""`manage.py simcluster_control` against a fleet that runs."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.simcluster.control import Control
from apps.simcluster.fleet import ClusterSpec, SimulatedFleet


@pytest.fixture(scope="module")
def ready_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    fleet = SimulatedFleet([ClusterSpec("one"), ClusterSpec("two")])
    control = Control(fleet)
    path = tmp_path_factory.mktemp("control") / "ready.json"
    clusters = [{"name": name} for name in fleet.clusters]
    path.write_text(
        json.dumps({"clusters": clusters, "control": {"url": control.url, "token": control.token}})
    )
    with fleet:
        yield path


def said(ready_file: Path, *words: str) -> Any:
    """The JSON that the command prints."""
    out = io.StringIO()
    call_command("simcluster_control", f"--ready-file={ready_file}", *words, stdout=out)
    return json.loads(out.getvalue())


def test_faults_are_added_listed_removed_and_cleared(ready_file: Path) -> None:
    added = [said(ready_file, "add", json.dumps({"kind": kind})) for kind in ("reset", "drip", "latency")]
    assert said(ready_file, "list") == {"faults": added}
    assert said(ready_file, "remove", added[1]["id"]) == added[1]
    assert said(ready_file, "list") == {"faults": [added[0], added[2]]}
    assert said(ready_file, "clear") == {"faults": []}


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["outage", "storage-down"], "outage", "storage-down"),
        (["revoke", "*"], "revoked", ["*"]),
        (["restore", "*"], "revoked", []),
        (["skew", "-30"], "skew_seconds", -30),
        (["reset"], "outage", "none"),
    ],
)
def test_a_word_changes_the_named_cluster_and_no_other(
    ready_file: Path, words: list[str], field: str, value: object
) -> None:
    other = said(ready_file, "show")
    assert said(ready_file, "--cluster=two", *words)[field] == value
    assert said(ready_file, "show") == other


def test_the_certificate_is_rotated(ready_file: Path) -> None:
    before = said(ready_file, "show")["certificate"]
    after = said(ready_file, "rotate", "new")["certificate"]
    assert before["sha256"] != after["sha256"]
    assert before["ca_file"] != after["ca_file"]


def test_requests_are_told_and_the_history_is_compacted(ready_file: Path) -> None:
    assert said(ready_file, "requests", "0") == {"last": 0, "requests": []}
    assert said(ready_file, "compact")["name"] == "one"


def test_a_refusal_is_told_in_the_words_of_the_api(ready_file: Path) -> None:
    with pytest.raises(CommandError, match=r"Invalid enum value 'fire' - at `\$\.outage`\."):
        said(ready_file, "outage", "fire")
    with pytest.raises(CommandError, match="no cluster 'three'"):
        said(ready_file, "--cluster=three", "list")


def test_a_fleet_that_is_not_up_is_said_in_a_sentence(ready_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is the fleet up"):
        said(tmp_path / "none.json", "list")
    gone = json.loads(ready_file.read_text())
    gone["control"]["url"] = "http://127.0.0.1:1"
    (tmp_path / "gone.json").write_text(json.dumps(gone))
    with pytest.raises(CommandError, match="does not answer"):
        said(tmp_path / "gone.json", "list")
