"""What happened before there were notifications is not told afterwards."""

from django.db import migrations
from django.db.models import Max


def forwards(apps, schema_editor):
    last = apps.get_model("changes", "ChangeEvent").objects.aggregate(last=Max("pk"))["last"]
    apps.get_model("notifications", "Cursor").objects.create(pk=1, after=last or 0)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
