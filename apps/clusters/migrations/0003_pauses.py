import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone


def begin(apps, schema_editor):
    """Since when a cluster is paused was not kept: from now on it is."""
    pauses = apps.get_model("clusters", "Pause")
    for cluster in apps.get_model("clusters", "Cluster").objects.filter(paused=True):
        pauses.objects.create(cluster=cluster, since=timezone.now())


class Migration(migrations.Migration):

    dependencies = [
        ("clusters", "0002_may_not"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pause",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pauses", to="clusters.cluster"
                    ),
                ),
            ],
            options={"ordering": ["since"]},
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
