"""Django's own migrate, one at a time: a second one gives up at once, and says so."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connection

ONE_AT_A_TIME = 2_026_115
TAKEN = "Somebody else is migrating this database. Nothing was changed: try again after them."


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME])
            if not cursor.fetchone()[0]:
                raise CommandError(TAKEN)
        super().handle(*args, **options)
