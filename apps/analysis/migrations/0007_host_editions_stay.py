"""The database itself refuses to change an edition of a host set, or what was put in force."""

from django.db import migrations

TABLES = ("analysis_hostedition", "analysis_hostadoption")
SQLITE = """
CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'editions and acts are never changed'); END
"""
POSTGRES = """
CREATE FUNCTION {table}_stays() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'editions and acts are never changed'; END $$ LANGUAGE plpgsql;
CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table}
FOR EACH ROW EXECUTE FUNCTION {table}_stays();
"""


def forwards(apps, schema_editor):
    statement = {"sqlite": SQLITE, "postgresql": POSTGRES}.get(schema_editor.connection.vendor)
    for table in TABLES if statement else ():
        schema_editor.execute(statement.format(table=table), params=None)


def backwards(apps, schema_editor):
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP FUNCTION {table}_stays() CASCADE", params=None)
        elif schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER {table}_stays", params=None)


class Migration(migrations.Migration):
    dependencies = [("analysis", "0006_host_editions")]
    operations = [migrations.RunPython(forwards, backwards)]
