"""Reviews are found by their band, without stopping those who write them"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ads", "0002_bands")]
    operations = [AddIndexConcurrently("review", models.Index(fields=["band"], name="by_band"))]
