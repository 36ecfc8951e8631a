"""Whoever submitted a change last is kept as a submitter of its revision; of earlier ones nothing is known."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def forwards(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    through = apps.get_model("changes", "Revision").submitters.through
    changes = apps.get_model("changes", "ChangeSet").objects.exclude(submitter=None)
    numbers = dict(changes.values_list("pk", "revision_number"))
    submitters = dict(changes.values_list("pk", "submitter"))
    revisions = apps.get_model("changes", "Revision").objects.filter(change__in=list(numbers))
    through.objects.bulk_create(
        through(revision_id=pk, user_id=submitters[change])
        for pk, change, number in revisions.values_list("pk", "change", "number")
        if number == numbers[change]
    )


class Migration(migrations.Migration):
    dependencies = [("changes", "0007_settling_and_drift")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
