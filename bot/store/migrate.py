"""
Brings the schema to the newest revision at start, within the transaction it is given.

Revisions stand in bot/store/migrations; among replicas one migrates and the others wait.
"""

import logging
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
#: Any number, as long as every version of the bot uses the same one.
ADVISORY_LOCK = 727400
#: Seconds that a migration waits for a table. Whoever wants the table meanwhile waits behind it.
TABLE_WITHIN_S = 5.0


class NewerSchema(Exception):
    """The store was used by a newer version of the bot; this one must not write to it."""


def migrate(connection: sa.Connection) -> None:
    """Raises NewerSchema when the store is at a revision this version does not know."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": ADVISORY_LOCK})
    there = set(MigrationContext.configure(connection).get_current_heads())
    newest, known = _revisions()
    if there == newest:
        return
    if there - known:
        raise NewerSchema(
            "The store was written by a newer version of this bot. Start that version; this one"
            " would not understand what it reads."
        )
    if connection.dialect.name == "postgresql":
        within = f"{TABLE_WITHIN_S * 1000:.0f}ms"
        connection.execute(sa.text("select set_config('lock_timeout', :n, true)"), {"n": within})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    log.info("the store's schema is now at revision %s", ", ".join(newest))


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """The newest one, and all. Read once: alembic imports each file anew whenever it is asked."""
    scripts = ScriptDirectory.from_config(_config())
    return frozenset(scripts.get_heads()), frozenset(
        one.revision for one in scripts.walk_revisions()
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
