"""Checkpoints of the audit record leave the machine: on time, into a file, and to webhooks."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.audit.actions import record
from apps.audit.checkpoints import public_key, read
from apps.audit.models import AuditCheckpoint
from apps.audit.selectors import head
from apps.common.clock import now
from apps.notifications.models import Notification
from apps.pipeline import checkpoints

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    settings.MESHCONSOLE_AUDIT_FILE = str(tmp_path / "checkpoints.jsonl")
    return tmp_path / "checkpoints.jsonl"


def write() -> None:
    record(actor=None, action="test.write", summary="Row")


def test_one_is_taken_when_the_last_is_old_enough(file: Path) -> None:
    write()
    assert checkpoints.take_due() is not None
    write()
    assert checkpoints.take_due() is None, "the last is young"
    with time_machine.travel(now() + timedelta(hours=1, seconds=1)):
        assert checkpoints.take_due() is not None
        assert checkpoints.take_due() is None
    assert [one.seq for one in read(file.read_text())] == [1, 2]


def test_it_goes_to_webhooks_as_it_was_signed(file: Path) -> None:
    write()
    checkpoints.take_due()
    told = Notification.objects.get(event="audit_checkpoint")
    assert read(json.dumps(told.extra), public_key()) == [head()]


def test_without_a_key_none_is_taken_and_the_command_says_so(file: Path, settings: Settings) -> None:
    settings.MESHCONSOLE_AUDIT_KEY = ""
    write()
    assert checkpoints.take_due() is None
    with pytest.raises(CommandError) as failure:
        call_command("audit_checkpoint")
    assert failure.value.returncode == 2


def test_a_file_that_cannot_be_written_stops_nothing(settings: Settings, tmp_path: Path) -> None:
    settings.MESHCONSOLE_AUDIT_FILE = str(tmp_path / "missing" / "file")
    write()
    assert checkpoints.take_due() is not None
    assert AuditCheckpoint.objects.count() == 1


def test_the_command_prints_what_the_verifier_takes(file: Path, tmp_path: Path) -> None:
    write()
    out = StringIO()
    call_command("audit_checkpoint", stdout=out)
    call_command("audit_checkpoint", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == lines[1] == file.read_text().strip(), "nothing new: the last one again"
    (tmp_path / "kept").write_text(lines[0])
    call_command("audit_verify", "--checkpoint", str(tmp_path / "kept"), stdout=out)
    call_command("audit_checkpoint", "--public-key", stdout=out)
    assert public_key() in out.getvalue()
