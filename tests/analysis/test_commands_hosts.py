"""analyse and propose with hosts of one's own."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories.hosts import CARDS, NEXT
from tests.mesh.rule_cases import base_text


def run(name: str, directory: Path, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(
        name, "--manifests", str(directory), "--format", "json", *arguments, stdout=out, stderr=StringIO()
    )
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop under REGISTRY_ONLY with Speedscale, whose hosts nobody has registered."""
    for name in ("mesh", "speedscale", "shop"):
        (tmp_path / f"{name}.yaml").write_text(base_text(name))
    return tmp_path


@pytest.fixture
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "next.yaml").write_text(NEXT)
    (folder / "cards.yaml").write_text(CARDS)
    (folder / "plain.txt").write_text("app.speedscale.com\nnew.speedscale.com\n")
    return folder


def test_an_edition_stands_in_for_the_built_in_one(shop: Path, files: Path) -> None:
    found = run("analyse", shop, "--hosts", str(files / "next.yaml"))
    assert found["summary"]["hostset"] == {"name": "speedscale", "edition": "2026-11"}
    (finding,) = [item for item in found["findings"] if item["code"] == "SS01"]
    assert "telemetry.speedscale.com" in finding["message"]
    assert finding["hostset"] == "speedscale, edition 2026-11"
    proposed = run("propose", shop, "--hosts", str(files / "plain.txt"))
    hosts = [proposal["manifest"]["spec"]["hosts"] for proposal in proposed["proposals"]]
    assert hosts == [["app.speedscale.com", "new.speedscale.com"]]


def test_a_region_that_is_chosen_is_filled_in(shop: Path, files: Path) -> None:
    found = run("analyse", shop, "--hosts", str(files / "next.yaml"), "--region", "eu-west-1")
    (finding,) = [item for item in found["findings"] if item["code"] == "SS01"]
    assert "firehose.eu-west-1.amazonaws.com" in finding["message"]


def test_another_set_is_needed_where_that_is_said(shop: Path, files: Path) -> None:
    looked_at = run("analyse", shop, "--hosts", str(files / "cards.yaml"))
    assert looked_at["summary"]["other_hostsets"] == [{"name": "cards", "edition": "7"}]
    assert "MC140" not in {item["code"] for item in looked_at["findings"]}
    needed = run("analyse", shop, "--hosts", str(files / "cards.yaml"), "--needed-in", "sh*")
    (finding,) = [item for item in needed["findings"] if item["code"] == "MC140"]
    assert (finding["ref"]["name"], finding["hostset"]) == ("shop", "cards, edition 7")


def test_what_another_set_needs_is_proposed(shop: Path, files: Path) -> None:
    given = ("--hosts", str(files / "cards.yaml"))
    (one,) = run("propose", shop, *given, "--needed-in", "sh*", "--remedy", "open-hosts")["proposals"][:1]
    assert [item["code"] for item in one["mends"]] == ["MC140"]
    cell = ("--remedy", "open-hosts", "--set", "cards", "--namespace", "shop", "--host", "api.cards.example")
    (proposed,) = run("propose", shop, *given, *cell)["proposals"]
    assert proposed["manifest"]["metadata"] == {"name": "external-hosts-https", "namespace": "shop"}
    assert proposed["manifest"]["spec"]["hosts"] == ["api.cards.example"]
    with pytest.raises(CommandError, match="other is not in use"):
        run("propose", shop, *given, "--remedy", "open-hosts", "--set", "other")


def test_a_file_that_cannot_be_used_is_named_with_the_field(shop: Path, files: Path) -> None:
    (files / "bad.yaml").write_text("set: cards\nhosts: 1\n")
    with pytest.raises(CommandError, match=r"bad\.yaml: .*hosts: it is a list"):
        run("analyse", shop, "--hosts", str(files / "bad.yaml"))
    with pytest.raises(CommandError, match="cannot be read"):
        run("analyse", shop, "--hosts", str(files / "nowhere.yaml"))
