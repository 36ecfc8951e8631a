"""The database itself refuses to change a row of the record. (Removing rows breaks the chain.)"""

from django.db import migrations

SQLITE = """
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_auditevent
BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END
"""
POSTGRES = """
CREATE FUNCTION audit_rows_stay() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'audit rows are never changed'; END $$ LANGUAGE plpgsql;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_auditevent
FOR EACH ROW EXECUTE FUNCTION audit_rows_stay();
"""


def forwards(apps, schema_editor):
    statement = {"sqlite": SQLITE, "postgresql": POSTGRES}.get(schema_editor.connection.vendor)
    if statement:
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION audit_rows_stay() CASCADE", params=None)
    elif schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER audit_rows_stay", params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
