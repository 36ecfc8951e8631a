"""Signed checkpoints: what was cut off or rewritten is found by a copy kept elsewhere."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.audit import checkpoints
from apps.audit.actions import record, verify
from apps.audit.chain import digest
from apps.audit.models import AuditCheckpoint, AuditEvent
from tests.audit.test_chain import tamper, write

pytestmark = pytest.mark.django_db
OTHER_KEY = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="


def kept(folder: Path) -> Path:
    """A file with one checkpoint, on another machine as it were: the console's own copies are gone."""
    made = checkpoints.take()
    assert made is not None
    path = folder / "checkpoints.jsonl"
    with path.open("a") as file:
        file.write(checkpoints.as_line(made) + "\n")
    AuditCheckpoint.objects.all().delete()
    return path


def code(*arguments: str) -> int:
    with pytest.raises(CommandError) as failure:
        call_command("audit_verify", *arguments)
    return failure.value.returncode


def test_a_record_that_grew_since_still_fits_its_checkpoints(tmp_path: Path) -> None:
    write(3)
    path = kept(tmp_path)
    write(2)
    kept(tmp_path)
    out = StringIO()
    call_command("audit_verify", "--checkpoint", str(path), stdout=out)
    assert "All 5 rows fit." in out.getvalue()


def test_a_cut_off_end_is_named_by_the_first_row_that_is_gone(tmp_path: Path) -> None:
    write(5)
    path = kept(tmp_path)
    tamper("DELETE FROM audit_auditevent WHERE seq > 3")
    assert verify().ok, "without the checkpoint nothing shows"
    with pytest.raises(CommandError, match="Row 4 does not fit") as failure:
        call_command("audit_verify", "--checkpoint", str(path))
    assert failure.value.returncode == 1


def test_an_end_that_was_cut_off_and_written_anew_is_named(tmp_path: Path) -> None:
    write(4)
    path = kept(tmp_path)
    tamper("DELETE FROM audit_auditevent WHERE seq > 2")
    record(actor=None, action="test.write", summary="Something harmless")
    record(actor=None, action="test.write", summary="Something harmless")
    assert verify().ok
    with pytest.raises(CommandError, match="Row 4 does not fit"):
        call_command("audit_verify", "--checkpoint", str(path))


def test_a_row_put_in_between_is_named() -> None:
    write(4)
    tamper("UPDATE audit_auditevent SET seq = 5 WHERE seq = 4")
    before = AuditEvent.objects.get(seq=3)
    row = AuditEvent.objects.filter(seq=3).values().get() | {"seq": 4, "summary": "Put in"}
    row |= {"prev_hash": before.hash, "hash": digest(before.hash, row)}
    AuditEvent(**row).save(force_insert=True)
    assert verify().first_bad == 5


def test_our_own_checkpoints_are_looked_at_without_a_file() -> None:
    write(3)
    checkpoints.take()
    tamper("DELETE FROM audit_auditevent WHERE seq = 3")
    assert verify().first_bad == 3


@pytest.mark.parametrize("field", ["seq", "count", "hash", "at", "key"])
def test_an_altered_checkpoint_is_refused(field: str, tmp_path: Path) -> None:
    write(2)
    path = kept(tmp_path)
    line = json.loads(path.read_text())
    line[field] = 1 if isinstance(line[field], int) else f"{line[field][:-1]}x"
    path.write_text(json.dumps(line))
    assert code("--checkpoint", str(path)) == 3


def test_a_checkpoint_of_another_key_is_refused_unless_that_key_is_trusted(
    tmp_path: Path, settings: Settings
) -> None:
    write(2)
    path, public = kept(tmp_path), checkpoints.public_key()
    settings.MESHCONSOLE_AUDIT_KEY = OTHER_KEY
    assert code("--checkpoint", str(path)) == 3
    settings.MESHCONSOLE_AUDIT_KEY = ""
    assert code("--checkpoint", str(path)) == 2
    call_command("audit_verify", "--checkpoint", str(path), "--public-key", public, stdout=StringIO())


@pytest.mark.parametrize("text", ["", "\n", "x", "[]", '{"seq": 1}', '{"seq": "x", "signature": "="}'])
def test_what_is_no_checkpoint_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    assert code("--checkpoint", str(path)) == 2
    assert code("--checkpoint", str(tmp_path / "missing")) == 2


def test_nothing_new_makes_no_checkpoint() -> None:
    assert checkpoints.take() is None, "there is no row"
    write(1)
    assert checkpoints.take() is not None
    assert checkpoints.take() is None


def test_the_record_is_exported_whole_and_can_be_checked_from_the_file(tmp_path: Path) -> None:
    write(3)
    path = tmp_path / "audit.jsonl"
    call_command("audit_export", "--output", str(path), "--actor", "console", "--since", "2020-01-01")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert digest(row["prev_hash"], row) == row["hash"]
    out = StringIO()
    call_command("audit_export", "--as", "csv", "--action", "test.*", "--until", "2020-01-01", stdout=out)
    assert len(out.getvalue().splitlines()) == 1, "the head alone"
