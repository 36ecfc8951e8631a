from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("analysis", "0008_coverage_days"),
        ("clusters", "0003_pauses"),
    ]

    operations = [
        migrations.AddField(
            model_name="coverageday",
            name="environment",
            field=models.CharField(blank=True, db_default="", default="", max_length=20),
        ),
    ]
