"""The engine against the recorded answers of a real istiod."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.mesh.answers import Compared, Tally, compare_all, describe

RECORDED = Path(__file__).parent.parent / "recorded" / "istiod-answers.jsonl.gz"


@pytest.fixture(scope="module")
def answers() -> list[Compared]:
    """Every recorded answer beside ours; asked once."""
    with gzip.open(RECORDED) as file:
        return list(compare_all(file))


def test_every_untagged_verdict_agrees_with_the_recording(answers: list[Compared]) -> None:
    tally = Tally()
    differences: list[str] = []
    for compared in answers:
        tally.count(compared)
        if not compared.agrees and not compared.case.tagged:
            differences.extend(describe(compared))
    assert (tally.plain, tally.total) == (6957, 10144)
    assert not differences, "\n".join(differences[:80])


def test_tagged_verdicts_differ_only_where_newer_istio_is_modelled_on_purpose(
    answers: list[Compared],
) -> None:
    on_purpose = {
        "differs:port-listener-vip",
        "differs:named-default-exportto",
        "differs:ns-import-shadows-wildcard",
    }
    for compared in answers:
        assert compared.agrees or on_purpose & set(compared.case.tags), "\n".join(describe(compared))


def wrong_case(tmp_path: Path, *, packed: bool, tags: list[str]) -> Path:
    with gzip.open(RECORDED) as file:
        data = next(
            found for line in file if not (found := json.loads(line))["tags"][0].startswith("differs")
        )
    data["tags"] = tags
    data["probes"][0]["verdict"] = "not-enforced"
    text = json.dumps(data).encode() + b"\n"
    path = tmp_path / "answers"
    path.write_bytes(gzip.compress(text) if packed else text)
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_the_command_prints_what_differs_and_fails(tmp_path: Path, packed: bool) -> None:
    out = io.StringIO()
    path = wrong_case(tmp_path, packed=packed, tags=["named"])
    with pytest.raises(SystemExit) as stopped:
        call_command("check_answers", str(path), stdout=out)
    lines = out.getvalue().splitlines()
    count = len(json.loads((gzip.decompress if packed else bytes)(path.read_bytes()))["probes"])
    assert stopped.value.code == 1
    assert "recorded: not-enforced" in out.getvalue()
    assert lines[-1] == (
        f"{count - 1} of {count} verdicts agree ({count - 1} of {count} without a differs tag)"
    )


def test_a_difference_under_a_differs_tag_does_not_fail_the_command(tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("check_answers", str(wrong_case(tmp_path, packed=False, tags=["differs:x"])), stdout=out)
    assert out.getvalue().splitlines()[-1].endswith("(0 of 0 without a differs tag)")


@pytest.mark.parametrize("text", [b"not json\n", b'{"id": "x"}\n', b"[]\n", b"\x1f\x8bbroken"])
def test_a_file_that_is_no_recording_gets_a_sentence(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "wrong"
    path.write_bytes(text)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("check_answers", str(path))
