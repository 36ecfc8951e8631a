"""The audit chain: written in a row by many, and every tampering is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from apps.accounts.permissions import Permission, require
from apps.audit.actions import record, verify
from apps.audit.chain import Head
from apps.audit.context import acting
from apps.audit.models import AuditEvent, Outcome
from apps.audit.selectors import events, head
from apps.common.errors import PermissionDeniedError
from bin.postgres import TemporaryPostgres
from tests.factories.people import person


def write(count: int) -> None:
    for number in range(1, count + 1):
        record(actor=None, action="test.write", summary=f"Row {number}", detail={"number": number})


def tamper(sql: str) -> None:
    """What someone with the database's files could do: the trigger is no obstacle to them."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS audit_rows_stay")
        else:
            cursor.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER ALL")
        cursor.execute(sql)


@pytest.mark.django_db
def test_an_untouched_record_verifies() -> None:
    write(5)
    report = verify()
    assert (report.ok, report.rows, report.head) == (True, 5, head())


@pytest.mark.django_db
def test_an_empty_record_verifies() -> None:
    assert verify().ok


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sql", "bad"),
    [
        ("UPDATE audit_auditevent SET summary = 'nothing' WHERE seq = 3", 3),
        ("UPDATE audit_auditevent SET actor = 'somebody' WHERE seq = 1", 1),
        ("UPDATE audit_auditevent SET at = '2020-01-01 00:00:00+00:00' WHERE seq = 2", 2),
        ("""UPDATE audit_auditevent SET detail = '{"number": 7}' WHERE seq = 4""", 4),
        ("DELETE FROM audit_auditevent WHERE seq = 3", 4),
        ("DELETE FROM audit_auditevent WHERE seq = 1", 2),
        ("UPDATE audit_auditevent SET seq = 9 WHERE seq = 5", 9),
        ("UPDATE audit_auditevent SET prev_hash = hash WHERE seq = 2", 2),
    ],
)
def test_the_first_bad_row_is_named(sql: str, bad: int) -> None:
    write(5)
    tamper(sql)
    report = verify()
    assert (report.ok, report.first_bad) == (False, bad)
    with pytest.raises(CommandError, match=f"Row {bad} "):
        call_command("audit_verify")


@pytest.mark.django_db
def test_swapped_rows_are_noticed() -> None:
    write(3)
    tamper("UPDATE audit_auditevent SET seq = 99 WHERE seq = 1")
    tamper("UPDATE audit_auditevent SET seq = 1 WHERE seq = 2")
    tamper("UPDATE audit_auditevent SET seq = 2 WHERE seq = 99")
    assert verify().first_bad == 1


@pytest.mark.django_db
def test_a_cut_off_end_is_noticed_by_a_checkpoint_only() -> None:
    write(5)
    noted = head()
    tamper("DELETE FROM audit_auditevent WHERE seq > 3")
    assert verify().ok
    report = verify([noted])
    assert (report.first_bad, "checkpoint" in report.reason) == (4, True)
    with pytest.raises(CommandError, match="checkpoint knows row 5"):
        call_command("audit_verify", "--noted", f"{noted.seq}:{noted.hash}")


@pytest.mark.django_db
def test_a_wholly_rewritten_record_is_noticed_by_a_checkpoint() -> None:
    write(2)
    report = verify([Head(2, "0" * 64)])
    assert report.first_bad == 2


@pytest.mark.django_db
def test_the_database_refuses_to_change_a_row() -> None:
    write(1)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        AuditEvent.objects.filter(seq=1).update(summary="other")


@pytest.mark.django_db
def test_secrets_do_not_enter_the_record() -> None:
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    nested = [{"client_key": "k"}, "-----BEGIN PRIVATE KEY-----\nabc"]
    event = record(
        actor=None,
        action="test.secret",
        summary=f"Bearer abcdefgh12345678 and {jwt}",
        detail={"token": "plain", "nested": nested, "ok": "kept"},
    )
    text = event.summary + str(event.detail)
    assert not [secret for secret in (jwt, "abcdefgh12345678", "plain", "'k'", "abc") if secret in text]
    assert event.detail["ok"] == "kept"
    assert verify().ok


@pytest.mark.django_db
def test_odd_texts_are_kept_in_a_form_that_verifies() -> None:
    numbers = {"float": 1e20, "big": 2**70, "deep": {"a": [None, True]}}
    record(actor=None, action="x", summary="nul \x00 <script> é \u2028" * 50)
    record(actor=None, action="x", summary="numbers", detail=numbers)
    record(actor=None, action="x", summary="long", detail={"text": "a" * 100_000})
    assert verify().ok


@pytest.mark.django_db
def test_the_origin_of_an_action_is_kept() -> None:
    with acting(via="worker", request_id="req-1"):
        event = record(actor=None, action="x", summary="x")
    assert (event.via, event.request_id, event.actor) == ("worker", "req-1", "console")


@pytest.mark.django_db
def test_a_refusal_is_recorded() -> None:
    with pytest.raises(PermissionDeniedError):
        require(person("victor"), Permission.PROPOSE, environment="production", cluster="prod-eu-1")
    event = events(outcome=Outcome.REFUSED).get()
    assert (event.actor, event.cluster, event.object_id) == ("victor", "prod-eu-1", "propose")


@pytest.mark.django_db
def test_events_can_be_found_by_text_actor_and_action() -> None:
    write(2)
    record(actor=None, action="cluster.register", summary="Registered prod", cluster="prod")
    assert events(text="registered").count() == 1
    assert events(action="cluster.*").count() == 1
    assert events(cluster="prod", actor="console").count() == 1


WRITERS = """
import os
from threading import Thread
import django
django.setup()
from django.core.management import call_command
from django.db import connections, transaction
from apps.audit.actions import record

def write():
    for number in range(10):
        with transaction.atomic():
            record(actor=None, action="test.process", summary=str(number))
    connections.close_all()

call_command("migrate", "audit", verbosity=0)
connections.close_all()
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        threads = [Thread(target=write) for _ in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os._exit(0)
    children.append(child)
[os.waitpid(child, 0) for child in children]
call_command("audit_verify")
"""


def run_writers(database: str) -> None:
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "meshconsole.settings.test",
        "DATABASE_URL": database,
    }
    run = [sys.executable, "-c", WRITERS]
    done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert "All 60 rows fit." in done.stdout, done.stderr


def test_processes_and_threads_do_not_fork_the_chain_on_sqlite(tmp_path: Path) -> None:
    """The embedded database's own file, written by three processes of two threads each, at once."""
    run_writers(f"sqlite:///{tmp_path / 'db.sqlite3'}")


def test_processes_and_threads_do_not_fork_the_chain_on_postgres() -> None:
    with TemporaryPostgres() as server:
        run_writers(server.url)
