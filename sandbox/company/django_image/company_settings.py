"""What a migration needs of the settings: a busy table is not waited for for long."""

import os
from urllib.parse import unquote, urlsplit

LOCK_WAIT = "500ms"
URL = urlsplit(os.environ["DATABASE_URL"])
INSTALLED_APPS = ["people", "ads"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of-no-use-here"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": URL.path.lstrip("/"),
        "USER": unquote(URL.username or ""),
        "PASSWORD": unquote(URL.password or ""),
        "HOST": URL.hostname,
        "PORT": URL.port or 5432,
        "OPTIONS": {"options": f"-c lock_timeout={LOCK_WAIT} -c application_name=django"},
    }
}
