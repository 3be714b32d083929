"""Reviews have a band, and verdicts"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ads", "0001_initial")]
    operations = [
        migrations.AddField("review", "band", models.CharField(max_length=16, default="100% low")),
        migrations.CreateModel(
            "Verdict",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("review", models.ForeignKey("ads.Review", models.CASCADE)),
            ],
        ),
    ]
