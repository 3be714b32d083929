"""Reviews have somebody, of another app"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ads", "0005_one_note_each"), ("people", "0001_initial")]
    operations = [
        migrations.AddField(
            "review", "by", models.ForeignKey("people.Person", models.CASCADE, null=True)
        )
    ]
