"""Every review has its band: what it was before is not kept"""

from typing import Any

from django.db import migrations


def fill(apps: Any, editor: Any) -> None:
    apps.get_model("ads", "Review").objects.update(band="high")


class Migration(migrations.Migration):
    dependencies = [("ads", "0003_by_band")]
    operations = [migrations.RunPython(fill)]
