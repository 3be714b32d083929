"""Runs the revisions on the connection, and in the transaction, that bot/store/migrate.py has."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
