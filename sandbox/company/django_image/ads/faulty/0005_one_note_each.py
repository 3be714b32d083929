"""Every note is another one: which the rows do not bear out"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ads", "0004_fill")]
    operations = [
        migrations.AddField("review", "seen", models.BooleanField(null=True)),
        migrations.AddConstraint(
            "review", models.UniqueConstraint(fields=["note"], name="one_note_each")
        ),
    ]
