"""Reviews: what the database has already"""

from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Review",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("note", models.CharField(max_length=80)),
            ],
        )
    ]
